//! PostgreSQL over TLS, with a certificate authority of the test's own, and with a password that must be in nothing we leave.

use crate::rent::finding;
use crate::support::TestEnv;
use crate::support::database::Kind;
use crate::support::postgres::{Cluster, connect, start};
use crate::support::redis::free_port;
use std::fs;

/// What anna types, and how it stands in an address.
const PASSWORD: [&str; 2] = ["hem/lig@42", "hem%2Flig%4042"];

/// A cluster that lets anna in over TLS alone, and only with her password.
fn cluster(port: u16) -> Cluster {
    let cluster = start(&format!(
        r#"
        for ca in ca other; do
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$ca of a test" -keyout "$dir/$ca.key" -out "$dir/$ca.crt"
        done &&
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$data/server.key" -out "$dir/csr" &&
        echo subjectAltName=DNS:localhost >"$dir/names" &&
        openssl x509 -req -in "$dir/csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 2 -extfile "$dir/names" -out "$data/server.crt" &&
        chmod 600 "$data/server.key" &&
        printf "ssl = on\nlisten_addresses = '127.0.0.1'\nport = {port}\n" >>"$data/postgresql.conf" &&
        printf "local all tieout trust\nhostssl all anna 127.0.0.1/32 scram-sha-256\n" >"$data/pg_hba.conf"
        "#
    ));
    let made = format!("CREATE ROLE anna LOGIN PASSWORD '{}'; CREATE DATABASE hyra OWNER anna", PASSWORD[0]);
    let mut client = connect(&format!("postgres://tieout@{}:{port}/postgres", cluster.socket.display().to_string().replace('/', "%2F")));
    made.split(';').for_each(|statement| client.batch_execute(statement).unwrap());
    cluster
}

#[test]
fn tls_is_verified_in_full_and_the_password_is_left_nowhere() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    let port = free_port();
    let cluster = cluster(port);
    let [ca, other] = ["ca.crt", "other.crt"].map(|name| {
        fs::copy(cluster.socket.join(name), env.path(name)).unwrap();
        env.path(name).display().to_string()
    });
    let url = |host: &str, password: &str, settings: &str| format!("postgres://anna:{password}@{host}:{port}/hyra?{settings}");
    let run = |url: &str| env.tieout(&["run", "rent", "--database", url, "--json", "-v", "--junit", "out.xml", "--metrics", "out.prom"]);
    let full = format!("sslmode=verify-full&sslrootcert={ca}");
    let mut said = String::new();

    let done = run(&url("localhost", PASSWORD[1], &full)).expect_code(0);
    let tls = done.json()["preflight"].as_array().unwrap().iter().find(|i| i["name"] == "tls").unwrap().clone();
    assert!(tls["status"] == "ok" && tls["detail"].as_str().unwrap().starts_with("TLSv1."), "{tls}");
    said += &(done.stdout + &done.stderr);
    for (host, password, settings, words) in [
        ("localhost", PASSWORD[1], format!("sslmode=verify-full&sslrootcert={other}"), "certificate verify failed"),
        ("127.0.0.1", PASSWORD[1], full.clone(), "does not match host name"),
        ("localhost", "hemlig%2Flig%4042", full.clone(), "password authentication failed"),
        ("localhost", PASSWORD[1], "sslmode=disable".to_owned(), "no pg_hba.conf entry"),
    ] {
        let refused = run(&url(host, password, &settings)).expect_code(4);
        let error = finding(&refused.json(), "database").to_string();
        assert!(error.contains(words), "{words}: {error}");
        said += &(refused.stdout + &refused.stderr);
    }
    let hint =
        |settings: &str| finding(&run(&url("localhost", PASSWORD[1], settings)).json(), "database")["hint"].as_str().unwrap().to_owned();
    assert!(hint(&format!("sslmode=verify-full&sslrootcert={other}")).contains("sslrootcert"), "a hint about certificates");
    // Prisma's and JDBC's words for the same.
    run(&url("localhost", PASSWORD[1], &format!("schema=public&sslaccept=strict&sslcert={ca}"))).expect_code(0);
    let jdbc = format!("jdbc:postgresql://localhost:{port}/hyra?user=anna&password={}&ssl=true&sslrootcert={ca}", PASSWORD[1]);
    let done = run(&jdbc).expect_code(0);
    said += &(done.stdout + &done.stderr);

    for entry in walkdir::WalkDir::new(env.path("")).into_iter().flatten().filter(|e| e.file_type().is_file()) {
        said += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap());
    }
    let mut client = connect(&format!("postgres://tieout@{}:{port}/hyra", cluster.socket.display().to_string().replace('/', "%2F")));
    let mut tables = 0;
    for row in client.query("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'tieout%'", &[]).unwrap() {
        tables += 1;
        let table: String = row.get(0);
        for row in client.query(&format!("SELECT t::text FROM {table} t"), &[]).unwrap() {
            said += row.get(0);
        }
    }
    assert!(tables > 5 && said.contains("\"committed\""), "{tables} tables were looked through");
    let found: Vec<&str> = PASSWORD.into_iter().chain(["hemlig"]).filter(|p| said.contains(p)).collect();
    assert!(found.is_empty(), "{found:?} is in what was said or kept");
}
