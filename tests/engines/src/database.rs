//! A fresh database for one test, on either engine, and the list macro that runs a test on both.

use std::ops::Deref;
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use store::Store;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::Postgres;

/// Which engine holds a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A database of a PostgreSQL that this program started.
    Postgres,
}

/// An empty database with all tables; derefs to its [`Store`].
#[derive(Debug)]
pub struct Fresh {
    /// Which engine holds it.
    pub engine: Engine,
    /// What a server's configuration calls it: a path or a URL.
    pub address: String,
    store: Store,
    _folder: Option<TempDir>,
}

/// One PostgreSQL for all tests of a program; each test has its own database there.
///
/// # Panics
/// PostgreSQL is not installed or does not start.
pub fn shared_postgres() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    // The databases of tests are gone with the program: waiting for the disk would only make the tests slower.
    SHARED.get_or_init(|| Postgres::start_with(&["fsync=off", "synchronous_commit=off", "full_page_writes=off"]))
}

impl Fresh {
    /// An empty database on this engine.
    ///
    /// # Panics
    /// The engine does not start.
    pub async fn on(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("t.db");
                let store = store_sqlite::open(&path).await.unwrap();
                Self { engine, address: path.display().to_string(), store, _folder: Some(folder) }
            }
            Engine::Postgres => {
                let address = empty_postgres(Some(template().await)).await;
                let store = store_postgres::open(&address, None).await.unwrap();
                Self { engine, address, store, _folder: None }
            }
        }
    }

    /// An empty database on this PostgreSQL.
    ///
    /// # Panics
    /// It does not answer.
    pub async fn at(server: &Postgres) -> Self {
        let name = format!("t_{}", Uuid::now_v7().simple());
        run(Engine::Postgres, &server.url("postgres"), &format!("CREATE DATABASE {name}")).await.unwrap();
        let address = server.url(&name);
        let store = store_postgres::open(&address, None).await.unwrap();
        Self { engine: Engine::Postgres, address, store, _folder: None }
    }

    /// A further handle.
    #[must_use]
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Opens the same database once more, as another server would.
    ///
    /// # Panics
    /// It cannot be opened.
    pub async fn open_again(&self) -> Store {
        match self.engine {
            Engine::Sqlite => store_sqlite::open(self.address.as_ref()).await.unwrap(),
            Engine::Postgres => store_postgres::open(&self.address, None).await.unwrap(),
        }
    }

    /// Runs statements beside the store: what no code path of the product does.
    ///
    /// # Errors
    /// The engine refuses; its own words.
    pub async fn run(&self, sql: &str) -> Result<(), String> {
        run(self.engine, &self.address, sql).await
    }

    /// The first column of what a query returns, as text.
    ///
    /// # Panics
    /// The query fails, or its first column is not text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.address).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&self.address).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

impl Deref for Fresh {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Runs statements on a database by its address.
///
/// # Errors
/// The engine refuses; its own words.
///
/// # Panics
/// The database cannot be reached.
pub async fn run(engine: Engine, address: &str, sql: &str) -> Result<(), String> {
    let sql = AssertSqlSafe(sql.to_owned());
    match engine {
        Engine::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(address).create_if_missing(true);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let done = sqlx::raw_sql(sql).execute(&mut connection).await;
            connection.close().await.unwrap();
            done.map(|_| ()).map_err(|error| error.to_string())
        }
        Engine::Postgres => {
            let mut connection = PgConnection::connect(address).await.unwrap();
            let done = sqlx::raw_sql(sql).execute(&mut connection).await;
            connection.close().await.unwrap();
            done.map(|_| ()).map_err(|error| error.to_string())
        }
    }
}

/// A database of the shared server, as a copy of `template` or with nothing in it. Its address.
///
/// # Panics
/// The server does not answer.
pub async fn empty_postgres(template: Option<&str>) -> String {
    let server = shared_postgres();
    let name = format!("t_{}", Uuid::now_v7().simple());
    let template = template.unwrap_or("template1");
    run(Engine::Postgres, &server.url("postgres"), &format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
    server.url(&name)
}

/// A database with all tables and nothing in them, to copy: that takes less time than the migrations.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let address = empty_postgres(None).await;
            store_postgres::open(&address, None).await.unwrap().close().await;
            address.rsplit('/').next().unwrap_or_default().to_owned()
        })
        .await
}

/// Runs each named `async fn(Fresh)` as two tests, one an engine: `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_each_engine {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name($crate::Fresh::on($crate::Engine::Sqlite).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name($crate::Fresh::on($crate::Engine::Postgres).await).await;
            }
        }
    )+ };
}
