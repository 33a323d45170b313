//! The certificate of the pages: given files, or one made here for this machine's name and addresses.
//!
//! Browsers give no microphone without HTTPS. A certificate made here is signed by nobody: a tablet warns once and remembers the
//! choice. A school that has a real certificate gives it with `--cert` and `--key`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use chrono::{Datelike, NaiveDate, TimeDelta};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Advice;
use crate::secrets::write_private;

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// Apple's devices refuse server certificates that are valid for more than 825 days.
const VALID_DAYS: i64 = 800;
/// A certificate is made anew when it has fewer days left.
const RENEW_DAYS: i64 = 60;

/// The certificate that is made for `addresses` when none is given; made anew when an address is not in it or it runs out soon.
///
/// # Errors
/// The files cannot be written.
pub fn make_if_missing(keys: &Path, addresses: &[IpAddr], today: NaiveDate) -> Result<CertificateFiles, Advice> {
    let files = CertificateFiles { certificate: keys.join("tls.pem"), key: keys.join("tls-key.pem") };
    let note = keys.join("tls-made-for.txt");
    let is_current = files.certificate.exists()
        && files.key.exists()
        && std::fs::read_to_string(&note).is_ok_and(|note| {
            let mut lines = note.lines();
            let until: Option<NaiveDate> = lines.next().and_then(|line| line.parse().ok());
            let made_for: Vec<_> = lines.collect();
            until.is_some_and(|until| today + TimeDelta::days(RENEW_DAYS) < until)
                && addresses.iter().all(|a| made_for.contains(&a.to_string().as_str()))
        });
    if !is_current {
        let until = today + TimeDelta::days(VALID_DAYS);
        let (certificate, key) = generate(addresses, today, until)
            .map_err(|error| Advice::new(format!("Cannot make a certificate ({error}): give one with --cert and --key.")))?;
        let made_for: String = addresses.iter().map(|address| format!("{address}\n")).collect();
        write_private(&files.key, key.as_bytes())?;
        write_private(&files.certificate, certificate.as_bytes())?;
        write_private(&note, format!("{until}\n{made_for}").as_bytes())?;
    }
    Ok(files)
}

fn generate(addresses: &[IpAddr], today: NaiveDate, until: NaiveDate) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Windowseat on this machine");
    params.distinguished_name = name;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let day = |date: NaiveDate| {
        rcgen::date_time_ymd(date.year(), u8::try_from(date.month()).unwrap_or(1), u8::try_from(date.day()).unwrap_or(1))
    };
    // A tablet's clock may be a day behind.
    params.not_before = day(today - TimeDelta::days(1));
    params.not_after = day(until);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Reads `files` for the HTTPS listener.
///
/// # Errors
/// A file cannot be read, is not PEM, or key and certificate do not belong together.
pub fn load(files: &CertificateFiles) -> Result<RustlsConfig, Advice> {
    let bad = |path: &Path, error: &dyn std::fmt::Display| {
        Advice::new(format!(
            "{}: this is not a PEM file that can be used ({error}): give another with --cert and --key.",
            path.display()
        ))
    };
    let read = |path: &Path| std::fs::read(path).map_err(|error| Advice::unreadable(path, &error));
    let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(&files.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|error| bad(&files.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&files.certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| bad(&files.certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

/// The address of this machine in its network: the one a packet to elsewhere would leave from. No packet is sent.
#[must_use]
pub fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // TEST-NET-1 (RFC 5737): never a real host.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_certificate_is_kept_and_made_anew_for_a_new_address_or_when_it_runs_out() {
        let folder = tempfile::tempdir().unwrap();
        let here: IpAddr = "192.168.7.4".parse().unwrap();
        let today: NaiveDate = "2026-11-23".parse().unwrap();
        let make = |addresses: &[IpAddr], today| {
            let files = make_if_missing(folder.path(), addresses, today).unwrap();
            load(&files).unwrap();
            std::fs::read(&files.certificate).unwrap()
        };
        let first = make(&[here], today);
        assert_eq!(first, make(&[here], today + TimeDelta::days(300)));
        let second = make(&[here, "10.1.2.3".parse().unwrap()], today);
        assert_ne!(first, second);
        assert_ne!(second, make(&[here], today + TimeDelta::days(790)));
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles { certificate: folder.path().join("a.pem"), key: folder.path().join("b.pem") };
        assert!(load(&files).unwrap_err().to_string().contains("a.pem"));
        std::fs::write(&files.certificate, "no PEM").unwrap();
        std::fs::write(&files.key, "no PEM").unwrap();
        let advice = load(&files).unwrap_err().to_string();
        assert!(advice.contains("--cert") && advice.lines().count() == 1, "{advice}");
    }
}
