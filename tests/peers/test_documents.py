"""Documents of the running product, read by programs nobody here wrote: pikepdf (qpdf) for the tree of tags, pdfua for PDF/UA-1."""

import io
import json
import re
from contextlib import closing

import pikepdf
import pytest
from pdfua import cli

FILES = ["plan", "review-pack", "profile"]


@pytest.fixture(scope="module")
def documents(product, tmp_path_factory):
    """Each document as a file, as the key worker takes it out, and as JSON."""
    folder = tmp_path_factory.mktemp("documents")
    taken = {}
    with closing(product.signed_in("Key worker")) as desk:
        pupil = re.search(r'href="/pupils/([0-9a-f-]{36})"[^>]*>Ada', desk.get("/pupils").text)[1]
        for name in FILES:
            answer = desk.get(f"/pupils/{pupil}/documents/{name}.pdf")
            assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf", (name, answer.status_code)
            (folder / f"{name}.pdf").write_bytes(answer.content)
            taken[name] = (folder / f"{name}.pdf", desk.get(f"/pupils/{pupil}/documents/{name}.json").json())
    return taken


def elements(node, path=()):
    """Every element of the tree of tags with the kinds above it, in reading order."""
    for child in node.get("/K", []) if isinstance(node.get("/K"), pikepdf.Array) else [node.get("/K")]:
        if isinstance(child, pikepdf.Dictionary) and "/S" in child:
            kind = str(child.S)[1:]
            yield child, kind, path
            yield from elements(child, (*path, kind))


def attribute(element, name):
    attributes = element.get("/A", [])
    for one in attributes if isinstance(attributes, pikepdf.Array) else [attributes]:
        if isinstance(one, pikepdf.Dictionary) and name in one:
            return one[name]
    return None


@pytest.mark.parametrize("name", FILES)
def test_a_document_has_title_language_headings_header_cells_and_words_for_pictures(documents, name):
    path, data = documents[name]
    with pikepdf.open(path) as pdf:
        root = pdf.Root
        assert bool(root.MarkInfo.Marked) and str(root.Lang) == "en-GB" and bool(root.ViewerPreferences.DisplayDocTitle)
        assert str(pdf.docinfo["/Title"]) == data["title"]
        about = pdf.open_metadata()
        assert about["{http://www.aiim.org/pdfua/ns/id/}part"] == "1"
        assert "/Outlines" in root and "/JavaScript" not in root and "/AF" not in root and "/EmbeddedFiles" not in root.get("/Names", {})
        all_elements = list(elements(root.StructTreeRoot))
        kinds = [kind for _, kind, _ in all_elements]
        levels = [int(kind[1]) for kind in kinds if re.fullmatch(r"H\d", kind)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels
        for element, kind, above in all_elements:
            if kind == "TH":
                assert str(attribute(element, "/Scope")) in {"/Row", "/Column"}
            if kind == "Figure":
                assert len(str(element.Alt)) > 40 and attribute(element, "/BBox") is not None
            if kind in {"TH", "TD"}:
                assert above[-1] == "TR" and "Table" in above, above
            if kind == "LI":
                assert above[-1] == "L"
        rows = [row for row, kind, _ in all_elements if kind == "TR"]
        assert all(len(list(row.K)) >= 2 for row in rows)
        # All fonts are in the file, with what each sign stands for.
        for page in pdf.pages:
            assert [round(float(side)) for side in page.mediabox] == [0, 0, 595, 842]
            for font in page.get("/Resources", {}).get("/Font", {}).values():
                assert "/ToUnicode" in font
                descriptor = font.DescendantFonts[0].FontDescriptor if "/DescendantFonts" in font else font.FontDescriptor
                assert "/FontFile2" in descriptor or "/FontFile3" in descriptor
    if name == "review-pack":
        assert {"Figure", "Table", "BlockQuote", "L"} & set(kinds) >= {"Figure", "Table"}


@pytest.mark.parametrize("name", FILES)
def test_an_independent_checker_finds_nothing_against_pdf_ua(documents, name, capsys):
    path, _ = documents[name]
    found = cli.main(["check", "--format", "json", str(path)])
    assert found == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_every_form_is_headed_as_an_engagement_record_and_no_register(documents, name):
    path, data = documents[name]
    assert data["ledger"] == "Engagement record, not the register" and "no attendance register" in data["ledger_says"]
    with pikepdf.open(io.BytesIO(path.read_bytes())) as pdf:
        assert str(pdf.open_metadata().get("dc:description")) == data["ledger"]
    assert "register_mark" not in json.dumps(data)
