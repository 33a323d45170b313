//! Rows of a CSV file after RFC 4180, by comma, semicolon or tab. It knows nothing of what they are about.

/// The separator that the most of the first lines' fields are made by; a comma if there is none.
#[must_use]
pub fn separator(text: &str) -> char {
    let count = |separator: char| text.lines().take(20).map(|line| line.matches(separator).count()).max().unwrap_or(0);
    [',', ';', '\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(',')
}

/// At most `most` rows, each with the line that it begins on. A quote that is never closed ends with the file.
#[must_use]
pub fn rows(text: &str, separator: char, most: usize) -> Vec<(usize, Vec<String>)> {
    let mut all = Vec::new();
    let (mut row, mut field) = (Vec::new(), String::new());
    let (mut line, mut began, mut is_quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            // A quote in the middle of a field is a character of it: "5" screen.
            '"' if field.is_empty() => is_quoted = true,
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut field));
                all.push((began, std::mem::take(&mut row)));
                line += 1;
                began = line;
                if all.len() == most {
                    return all;
                }
            }
            '\r' if !is_quoted && chars.peek() == Some(&'\n') => {}
            c if c == separator && !is_quoted => row.push(std::mem::take(&mut field)),
            c => {
                line += usize::from(c == '\n');
                field.push(c);
            }
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        all.push((began, row));
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[&[&str]]) {
        let rows: Vec<_> = rows(text, ',', 100).into_iter().map(|(_, row)| row).collect();
        assert_eq!(rows, expected, "{text:?}");
    }

    #[test]
    fn rows_of_rfc_4180() {
        check("a,b\r\nc,d\r\n", &[&["a", "b"], &["c", "d"]]);
        check("a,b\nc,d", &[&["a", "b"], &["c", "d"]]);
        check("\"a,1\",\"say \"\"hi\"\"\",\"two\nlines\"\n", &[&["a,1", "say \"hi\"", "two\nlines"]]);
        check("a,,\n\nb", &[&["a", "", ""], &[""], &["b"]]);
        check("\"never closed,b\nc", &[&["never closed,b\nc"]]);
        check("5\" screen,b", &[&["5\" screen", "b"]]);
        check("", &[]);
    }

    #[test]
    fn lines_are_those_on_which_rows_begin_and_rows_are_bounded() {
        let lines: Vec<_> = rows("a\n\"b\nb\"\nc\n", ',', 100).iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 4]);
        assert_eq!(rows("a\nb\nc\n", ',', 2).len(), 2);
    }

    #[test]
    fn the_separator_is_found() {
        assert_eq!(separator("UPN;Date;AM\n"), ';');
        assert_eq!(separator("UPN\tDate\tAM\n"), '\t');
        assert_eq!(separator("Attendance, autumn\nUPN,Date,AM\n"), ',');
        assert_eq!(separator(""), ',');
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(table in proptest::collection::vec(proptest::collection::vec("[a-z,;\"\n\r é]{0,8}", 1..5), 1..6)) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let text: String = table.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n").collect();
            let read: Vec<_> = rows(&text, ',', 100).into_iter().map(|(_, row)| row).collect();
            prop_assert_eq!(read, table);
        }
    }
}
