//! A worker that also asks for certificates: of machines that its owner's authority knows, in force, and with
//! their keys.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use facesets_core::wire::proto::{DescribeRequest, worker_client::WorkerClient};
use facesets_tests::{
    armoured::{Armoured, channel_with, handshake, run_worker, trusting, trusting_builder},
    program::{Run, Workspace},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ClientConfig, SignatureScheme,
    client::ResolvesClientCert,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use tokio::io::AsyncReadExt as _;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::Pair;

/// An owner's authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn called(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Signs a certificate for `machine`, which keeps it as `NAME.pem`, its key as `NAME.key`.
    fn sign(&self, machine: &Workspace, name: &str, change: impl Fn(&mut CertificateParams)) -> Own {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["laptop".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let own = Own {
            certificate: machine.join(format!("{name}.pem")),
            key: machine.join(format!("{name}.key")),
        };
        fs::write(&own.certificate, params.signed_by(&key, &self.0).unwrap().pem()).unwrap();
        fs::write(&own.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&own.key, fs::Permissions::from_mode(0o600)).unwrap();
        own
    }
}

/// A certificate of the user's machine and its key.
struct Own {
    certificate: PathBuf,
    key: PathBuf,
}

impl Own {
    fn flags(&self) -> [String; 4] {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        ["--client-cert".to_owned(), certificate.to_string(), "--client-key".to_owned(), key.to_string()]
    }

    fn replace(&self, with: &Self) {
        fs::copy(&with.certificate, &self.certificate).unwrap();
        fs::copy(&with.key, &self.key).unwrap();
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_file(&self.certificate).unwrap()]
    }

    fn config(&self) -> ClientConfig {
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let mut config = trusting_builder(|_| true).with_client_auth_cert(self.chain(), key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// What nobody but its owner may ever see.
    fn secret(&self) -> String {
        fs::read_to_string(&self.key).unwrap().lines().nth(1).unwrap().to_owned()
    }
}

/// A worker that asks for certificates of the authority, and a machine that has not paired with it.
fn guarded() -> (Authority, Pair) {
    let authority = Authority::called("home");
    let pair = guarded_by(&authority);
    (authority, pair)
}

fn guarded_by(authority: &Authority) -> Pair {
    let machine = Workspace::new();
    fs::write(machine.join("ca.pem"), authority.0.pem()).unwrap();
    let file = machine.join("ca.pem").display().to_string();
    let worker = Armoured::start(machine.path(), &["--client-ca", &file]);
    Pair { worker, machine }
}

fn add(pair: &Pair, code: &str, own: &Own) -> Run {
    let flags = own.flags();
    let words = ["worker", "add", code, "--client", "laptop"].into_iter();
    pair.machine.run(words.chain(flags.iter().map(String::as_str)))
}

#[test]
fn only_machines_with_a_certificate_in_force_of_the_right_authority_get_in() {
    let (authority, pair) = guarded();
    let machine = &pair.machine;
    let code = pair.worker.code();
    let bare = machine.run(["worker", "add", &code]);
    assert_eq!(bare.code, Some(2), "{bare}");
    bare.says(&[
        "lets in only machines that show a certificate",
        "hint: ask the worker's owner",
        "--client-cert FILE",
    ]);
    let foreign = Authority::called("abroad").sign(machine, "foreign", |_| {});
    let forged = Authority::called("home").sign(machine, "forged", |_| {});
    let expired = authority.sign(machine, "expired", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = authority.sign(machine, "early", |params| params.not_before = date_time_ymd(4000, 1, 1));
    let server = authority.sign(machine, "server", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let own = authority.sign(machine, "own", |_| {});
    // By a worker each: a client's library may try a dozen times before it gives up, and a log is told of
    // strangers thirty times a minute.
    for (wrong, reason, said) in [
        (&foreign, "no authority that it trusts has signed it", "UnknownIssuer"),
        (&forged, "it is not valid", "BadSignature"),
        (&expired, "it is not in force today", "expired"),
        (&early, "it is not in force today", "not valid yet"),
        (&server, "it is not meant for clients", "key usage"),
    ] {
        let pair = guarded_by(&authority);
        let code = pair.worker.code();
        let refused = add(&pair, &code, wrong);
        assert_eq!(refused.code, Some(2), "{refused}");
        refused.says(&["refuses the certificate of this machine", reason, "hint: ask the worker's owner"]);
        let log = pair.worker.log();
        assert!(tells_of_refused(&log, said), "no {said} in:\n{log}");
        assert!(!log.contains(&wrong.secret()) && !log.contains(&code));
        // It has not used the code up.
        let added = add(&pair, &code, &own);
        assert_eq!(added.code, Some(0), "{added}");
    }
    let added = add(&pair, &code, &own);
    assert_eq!(added.code, Some(0), "{added}");
    machine.ok(["embed", &super::photos()]).says(&["at 127.0.0.1 (https://"]);
    let listed = machine.ok(["worker", "list"]);
    assert!(listed.stdout.contains("own.pem"), "{listed}");

    let log = pair.worker.log();
    assert!(tells_of_refused(&log, "peer sent no certificates"), "{log}");
    let secrets = [&own, &foreign, &expired].map(Own::secret);
    assert!(!secrets.iter().any(|secret| log.contains(secret) || added.to_string().contains(secret)));
    assert!(!log.contains(&pair.known("token")) && !log.contains(&code));
}

fn tells_of_refused(log: &str, said: &str) -> bool {
    log.lines().any(|line| line.contains("certificate that counts is refused") && line.contains(said))
}

#[test]
fn what_is_renewed_counts_at_once_and_what_has_expired_no_more() {
    let (authority, pair) = guarded();
    let own = authority.sign(&pair.machine, "own", |_| {});
    assert_eq!(add(&pair, &pair.worker.code(), &own).code, Some(0));
    own.replace(&authority.sign(&pair.machine, "old", |params| params.not_after = date_time_ymd(2020, 1, 1)));
    let tested = pair.machine.run(["worker", "test"]);
    assert_eq!(tested.code, Some(1), "{tested}");
    assert!(tested.stdout.contains("not in force today") && tested.stdout.contains("hint: "), "{tested}");
    let embed = pair.machine.run(["embed", &super::photos()]);
    assert_eq!(embed.code, Some(2), "{embed}");
    embed.says(&["refuses the certificate of this machine", "hint: ask"]);
    own.replace(&authority.sign(&pair.machine, "new", |_| {}));
    pair.machine.ok(["worker", "test"]);
    // Pairing again goes with what is known.
    pair.machine.ok(["worker", "add", &pair.worker.code()]);
    pair.machine.ok(["worker", "test"]);
}

#[test]
fn a_key_that_others_can_read_or_that_is_another_ones_is_not_used() {
    let (authority, pair) = guarded();
    let code = pair.worker.code();
    let own = authority.sign(&pair.machine, "own", |_| {});
    fs::set_permissions(&own.key, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = add(&pair, &code, &own);
    assert_eq!(exposed.code, Some(2), "{exposed}");
    exposed.says(&["others than its owner may read the private key", "hint: close it with `chmod 600"]);
    let other = authority.sign(&pair.machine, "other", |_| {});
    let mixed = Own { certificate: own.certificate.clone(), key: other.key };
    let unfit = add(&pair, &code, &mixed);
    assert_eq!(unfit.code, Some(2), "{unfit}");
    unfit.says(&["cannot be used", "hint: give the certificate"]);
    let alone = pair.machine.run(["worker", "add", &code, "--client-cert", "own.pem"]);
    assert_eq!(alone.code, Some(2), "{alone}");
    alone.says(&["--client-key"]);
    fs::set_permissions(&own.key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(add(&pair, &code, &own).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_a_token_hears_about_health_and_a_token_without_a_certificate_of_nothing() {
    let (authority, pair) = tokio::task::spawn_blocking(guarded).await.unwrap();
    let own = authority.sign(&pair.machine, "own", |_| {});
    assert_eq!(add(&pair, &pair.worker.code(), &own).code, Some(0));
    let question = || HealthCheckRequest { service: String::new() };
    let channel = channel_with(pair.worker.address, own.config()).await;
    assert_eq!(HealthClient::new(channel.clone()).check(question()).await.unwrap().into_inner().status, 1);
    let describe = |token: Option<String>| {
        let mut request = tonic::Request::new(DescribeRequest {});
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    };
    let refused = WorkerClient::new(channel.clone()).describe(describe(None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    WorkerClient::new(channel).describe(describe(Some(pair.known("token")))).await.unwrap();

    let bare = channel_with(pair.worker.address, trusting(|_| true)).await;
    HealthClient::new(bare.clone()).check(question()).await.unwrap_err();
    WorkerClient::new(bare).describe(describe(Some(pair.known("token")))).await.unwrap_err();
}

/// Shows a certificate without having its key.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesClientCert for Impostor {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_a_machines_certificate_without_its_key_is_refused() {
    let (authority, pair) = tokio::task::spawn_blocking(guarded).await.unwrap();
    let own = authority.sign(&pair.machine, "own", |_| {});
    let key = PrivateKeyDer::try_from(KeyPair::generate().unwrap().serialize_der()).unwrap();
    let key = ring::default_provider().key_provider.load_private_key(key).unwrap();
    let impostor = Impostor(Arc::new(CertifiedKey::new(own.chain(), key)));
    let config = trusting_builder(|_| true).with_client_cert_resolver(Arc::new(impostor));
    let mut stream = handshake(pair.worker.address, config).await.unwrap();
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert!(error.to_string().contains("DecryptError"), "{error}");
}

#[test]
fn a_worker_that_could_ask_nobody_does_not_start() {
    let machine = Workspace::new();
    let file = machine.join("ca.pem");
    fs::write(&file, "no certificate\n").unwrap();
    let ca = ["serve", "--listen=127.0.0.1:0", "--client-ca", file.to_str().unwrap()];
    for (flag, said) in [("--tls", "holds no certificate"), ("--tls=false", "in plaintext")] {
        let run = run_worker(machine.path(), &[&ca[..], &[flag]].concat());
        assert_eq!(run.code, Some(2), "{run}");
        run.says(&[said, "hint: ", "--client-ca"]);
    }
}
