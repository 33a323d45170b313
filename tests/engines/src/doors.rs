//! Mosquitto's two doors with TLS, one for passwords and one for certificates, and Debian's own clients to try them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use tokio::process::Command;

use crate::port;

/// How long a client may take.
const CLIENT_WITHIN: Duration = Duration::from_secs(20);

/// Two listeners, and the authority behind their certificates.
pub struct Doors {
    /// Where whoever has a password comes in.
    pub by_password: SocketAddr,
    /// Where whoever has a certificate comes in; its common name is the user.
    pub by_certificate: SocketAddr,
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Doors {
    /// Makes the authority and the broker's certificate in `folder`.
    ///
    /// # Panics
    /// The folder cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut params = named("Authority of a test", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
        let doors =
            Self { by_password: port::address(), by_certificate: port::address(), folder: folder.to_owned(), authority };
        doors.sign("broker", named("broker", &["127.0.0.1".to_owned()]));
        doors
    }

    /// The lines that open them, for [`crate::Mosquitto::start_with`].
    #[must_use]
    pub fn settings(&self) -> String {
        let folder = self.folder.display();
        let door = |address: SocketAddr, how: &str| {
            format!(
                "listener {} 127.0.0.1\ncafile {folder}/ca.pem\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker-key.pem\n{how}",
                address.port()
            )
        };
        let certified = door(self.by_certificate, "require_certificate true\nuse_identity_as_username true\n");
        door(self.by_password, "") + &certified
    }

    /// The authority that signed the broker's certificate, and signs its users'.
    #[must_use]
    pub fn authority_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Certificate and key for `user`, by files.
    #[must_use]
    pub fn certify(&self, user: &str) -> (PathBuf, PathBuf) {
        self.sign(user, named(user, &[]))
    }

    fn sign(&self, name: &str, params: CertificateParams) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        let (cert_file, key_file) = (self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}-key.pem")));
        std::fs::write(&cert_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (cert_file, key_file)
    }

    /// Publishes with `mosquitto_pub`, by password or by certificate, and returns what it prints.
    pub async fn publishes(&self, who: Credentials<'_>, topic: &str, text: &str) -> String {
        let mut command = self.client("mosquitto_pub", who);
        command.args(["-d", "-q", "1", "-t", topic, "-m", text]);
        said_by(command).await
    }

    /// The topics of what `mosquitto_sub` gets within a second.
    pub async fn hears(&self, who: Credentials<'_>, filter: &str) -> String {
        let mut command = self.client("mosquitto_sub", who);
        command.args(["-t", filter, "-F", "%t", "-W", "1"]);
        said_by(command).await
    }

    /// Connects with `mosquitto_sub` under this client id, for a second, and returns what it prints.
    pub async fn connects_as(&self, who: Credentials<'_>, client_id: &str) -> String {
        let mut command = self.client("mosquitto_sub", who);
        command.args(["-d", "-i", client_id, "-t", "ws/v1/+/down/+", "-W", "1"]);
        said_by(command).await
    }

    fn client(&self, program: &str, who: Credentials<'_>) -> Command {
        let door = if matches!(who, Credentials::Password(..)) { self.by_password } else { self.by_certificate };
        let mut command = Command::new(program);
        command.args(["-V", "5", "-h", "127.0.0.1", "-p", &door.port().to_string(), "--cafile"]).arg(self.authority_file());
        match who {
            Credentials::Password(user, secret) => command.args(["-u", user, "-P", secret]),
            Credentials::Certificate(cert, key) => command.arg("--cert").arg(cert).arg("--key").arg(key),
            Credentials::None => &mut command,
        };
        command
    }
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug)]
pub enum Credentials<'a> {
    /// User and password.
    Password(&'a str, &'a str),
    /// Certificate and key, by files.
    Certificate(&'a Path, &'a Path),
    /// Not at all, at the door for certificates.
    None,
}

/// Parameters of a certificate. Each has a name of its own: one that is called like its authority counts as self-signed.
fn named(name: &str, addresses: &[String]) -> CertificateParams {
    let mut params = CertificateParams::new(addresses).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

async fn said_by(mut command: Command) -> String {
    let output = tokio::time::timeout(CLIENT_WITHIN, command.kill_on_drop(true).output());
    let output =
        output.await.expect("the client ends").expect("Mosquitto's clients are installed (apt-get install mosquitto-clients)");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
