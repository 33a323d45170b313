//! A PostgreSQL of one's own: initialised in a temporary folder, on a free port of loopback, under an unprivileged user.
//!
//! It ends with the program that started it, however that ends: a small shell waits for the other end of its standard input to
//! close, stops the server and removes the folder. What is committed survives [`Postgres::kill9`], as on a real machine.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use uuid::Uuid;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks, a minute of them at least, until the server has to answer after it was started.
const LOOKS: usize = 3_000;
/// PostgreSQL refuses to run as root; then it runs as this user.
const UNPRIVILEGED: (&str, u32, &str, u32) = ("nobody", 65534, "nogroup", 65534);
/// The superuser of the instance.
const USER: &str = "windowseat";

/// Starts the server, waits until the program that started it has gone or says a word, stops the server. `keep` keeps the folder.
const KEEPER: &str = r#"
# A signal to the whole group, as a terminal or `timeout` sends it, must not end this before it has cleaned up.
trap '' HUP INT TERM
postgres=$1; folder=$2; shift 2
"$postgres" -D "$folder/data" "$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
read -r word || word=gone
kill -QUIT "$server" 2>/dev/null
wait "$server"
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// A running server. Stopped, and its folder removed, when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    password: String,
    settings: Vec<String>,
    keeper: Option<Child>,
}

impl Postgres {
    /// Starts a server that writes as it would in earnest: `fsync` is on.
    ///
    /// # Panics
    /// PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further settings, such as `fsync=off`.
    ///
    /// # Panics
    /// PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let programs = programs();
        let folder = std::env::temp_dir().join(format!("windowseat-postgres-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).expect("a temporary folder can be made");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let password = Uuid::new_v4().simple().to_string();
        let password_file = folder.join("password");
        fs::write(&password_file, &password).unwrap();
        if is_root() {
            for path in [&folder, &password_file] {
                chown(path, Some(UNPRIVILEGED.1), Some(UNPRIVILEGED.3)).unwrap();
            }
        }
        let made = unprivileged(&programs.join("initdb"))
            .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .args(["--username", USER, "--pwfile"])
            .arg(&password_file)
            .arg("-D")
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { programs, folder, port: crate::port::free(), password, settings, keeper: None };
        server.launch();
        server
    }

    /// The address of a database of this server, with user and password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The TCP port on loopback; the same after [`Postgres::restart`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of its one user.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Where its data, its log and its socket are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process that everything else of the server descends from; `None` while it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Kills the server as a power cut would: nothing is written, no connection is told.
    ///
    /// # Panics
    /// The server does not run.
    pub fn kill9(&mut self) {
        let pid = self.pid().expect("the server runs").to_string();
        let killed = Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
        assert!(killed.success(), "the server {pid} could not be killed");
        self.dismiss("keep\n");
    }

    /// From now on the kernel answers each write behind the first page of a file like a full disk: tables and the log of transactions.
    /// The server stops at its next commit and cannot recover until [`Postgres::restart`].
    ///
    /// # Panics
    /// The server does not run.
    pub fn fill_disk(&self) {
        let pid = self.pid().expect("the server runs").to_string();
        let limit = |pid: &str| {
            let mut command = unprivileged(Path::new("prlimit"));
            command.args(["--pid", pid, "--fsize=4096:unlimited"]).stderr(Stdio::null());
            command.status().expect("prlimit runs (apt-get install util-linux)").success()
        };
        // Whoever comes later has the limit of the first one; of the others some may have gone meanwhile.
        assert!(limit(&pid), "the server {pid} could not be limited");
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("the server runs");
        for child in children.split_whitespace() {
            limit(child);
        }
    }

    /// Starts the server again after [`Postgres::kill9`] or in an orderly way; returns when it answers.
    ///
    /// # Panics
    /// It does not start.
    pub fn restart(&mut self) {
        self.dismiss("keep\n");
        self.launch();
    }

    fn launch(&mut self) {
        let mut looks = 0;
        loop {
            let mut command = unprivileged(Path::new("sh"));
            command.args(["-c", KEEPER, "keeper"]).arg(self.programs.join("postgres")).arg(&self.folder);
            command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"]);
            command.arg("-c").arg(format!("unix_socket_directories={}", self.folder.display()));
            for setting in &self.settings {
                command.args(["-c", setting]);
            }
            let keeper = command.current_dir(&self.folder).stdin(Stdio::piped()).spawn().expect("a shell runs");
            self.keeper = Some(keeper);
            let log = self.folder.join("log");
            let before = fs::read_to_string(&log).map_or(0, |text| text.len());
            while looks < LOOKS {
                looks += 1;
                if self.is_ready() {
                    return;
                }
                let said = fs::read_to_string(&log).unwrap_or_default();
                // The port was taken meanwhile, or processes of a server that was killed have not gone yet. That somebody tries to
                // connect while it starts is no reason to begin anew.
                let fails = |line: &str| line.contains("FATAL:") && !line.contains("the database system is");
                if said.get(before..).is_some_and(|said| said.lines().any(fails)) {
                    break;
                }
                sleep(LOOK_EVERY);
            }
            assert!(looks < LOOKS, "PostgreSQL does not start: {}", fs::read_to_string(&log).unwrap_or_default());
            self.dismiss("keep\n");
            sleep(LOOK_EVERY * 5);
        }
    }

    /// The last line of its pid file says so, as `pg_ctl` reads it too.
    fn is_ready(&self) -> bool {
        fs::read_to_string(self.folder.join("data/postmaster.pid"))
            .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
            && std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Tells the shell that the server is to end, and waits for it.
    fn dismiss(&mut self, word: &str) {
        use std::io::Write as _;
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(mut input) = keeper.stdin.take() {
                // An error only says that it has ended.
                let _ = input.write_all(word.as_bytes());
            }
            let _ = keeper.wait();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.dismiss("");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where PostgreSQL's programs are: Debian keeps them apart by version, the newest is taken; elsewhere they are on the path.
fn programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    versions.sort();
    if let Some((_, folder)) = versions.pop() {
        return folder;
    }
    std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()))
        .expect("PostgreSQL is not installed: `tests/run` installs it, or `apt-get install postgresql`")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", UNPRIVILEGED.0)).arg(format!("--regid={}", UNPRIVILEGED.2)).arg("--clear-groups");
    command.arg(program);
    command
}
