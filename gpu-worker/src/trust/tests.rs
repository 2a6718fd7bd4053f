//! The folder itself: what is made, who may read it, what damage does.

use std::{fs, path::Path};

use super::*;

const VALID: Duration = Duration::from_mins(10);

fn trust() -> (tempfile::TempDir, Trust) {
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::new(folder.path().join("deep/worker"));
    (folder, trust)
}

fn address() -> WorkerAddress {
    "192.168.1.20:50551".parse().unwrap()
}

#[test]
fn the_certificate_is_made_once_and_stays() {
    let (_folder, trust) = trust();
    let first = trust.identity().unwrap();
    assert_eq!(trust.identity().unwrap().fingerprint(), first.fingerprint());
    fs::remove_file(trust.folder.join("identity.pem")).unwrap();
    assert_ne!(trust.identity().unwrap().fingerprint(), first.fingerprint());
}

#[test]
fn only_authenticated_ciphers_of_tls_1_3_are_offered() {
    let (_folder, trust) = trust();
    let config = trust.identity().unwrap().server_config(None).unwrap();
    let suites: Vec<String> =
        config.crypto_provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
    assert_eq!(
        suites,
        ["TLS13_AES_256_GCM_SHA384", "TLS13_AES_128_GCM_SHA256", "TLS13_CHACHA20_POLY1305_SHA256"]
    );
    assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
}

#[test]
fn a_code_becomes_a_client_of_which_only_digests_are_kept() {
    let (_folder, trust) = trust();
    let code = trust.issue(address(), VALID).unwrap();
    assert_eq!((code.certificate, &code.address), (trust.identity().unwrap().fingerprint(), &address()));
    let laptop: ClientName = "laptop".parse().unwrap();
    let token = trust.redeem(&code.secret, &laptop).unwrap();
    assert_eq!(token.len(), 64);
    let again = trust.redeem(&code.secret, &laptop).unwrap_err();
    assert!(matches!(again, PairError::Refused(Refused::Used)), "{again}");
    let clients = trust.clients().unwrap();
    assert_eq!(clients.by_token(&Sha256Digest::of(token.as_bytes())).unwrap().name, "laptop");
    let secret = code.secret.as_bytes().map(|byte| format!("{byte:02x}")).concat();
    for entry in fs::read_dir(&trust.folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(&token) && !text.contains(&secret), "{text}");
    }
    assert!(trust.revoke(&laptop).unwrap() && !trust.revoke(&laptop).unwrap());
    assert_eq!(trust.clients().unwrap(), Clients::default());
}

#[test]
fn an_expired_code_lets_nobody_in() {
    let (_folder, trust) = trust();
    let code = trust.issue(address(), Duration::ZERO).unwrap();
    let error = trust.redeem(&code.secret, &"laptop".parse().unwrap()).unwrap_err();
    assert!(matches!(error, PairError::Refused(Refused::Expired)), "{error}");
    assert_eq!(trust.clients().unwrap(), Clients::default());
}

#[test]
fn two_who_bring_the_same_code_at_once_are_one_too_many() {
    let (_folder, trust) = trust();
    let code = trust.issue(address(), VALID).unwrap();
    let let_in = std::thread::scope(|scope| {
        let bring = |n: u32| {
            let (trust, code) = (&trust, &code);
            let name = format!("client-{n}").parse().unwrap();
            scope.spawn(move || trust.redeem(&code.secret, &name).is_ok())
        };
        let all: Vec<_> = (0..8).map(bring).collect();
        all.into_iter().map(|one| one.join().unwrap()).filter(|let_in| *let_in).count()
    });
    assert_eq!((let_in, trust.clients().unwrap().all().len()), (1, 1));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_anything_and_an_open_key_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, trust) = trust();
    let code = trust.issue(address(), VALID).unwrap();
    trust.redeem(&code.secret, &"laptop".parse().unwrap()).unwrap();
    trust.note_address("192.168.1.20:50551".parse().unwrap()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&trust.folder), 0o700);
    for name in ["identity.pem", CODES, CLIENTS, ADDRESS] {
        assert_eq!(mode(&trust.folder.join(name)), 0o600, "{name}");
    }
    let key = trust.folder.join("identity.pem");
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = trust.identity().unwrap_err();
        assert!(matches!(error, TrustError::Exposed(_)) && error.hint().contains("chmod 600"), "{error}");
    }
}

#[test]
fn what_is_damaged_is_refused_and_stays_as_it_is() {
    let (_folder, trust) = trust();
    trust.identity().unwrap();
    for (name, text) in [(CLIENTS, "{\"clients\":[{}]}"), (CODES, "{"), (ADDRESS, "nowhere")] {
        fs::write(trust.folder.join(name), text).unwrap();
    }
    assert!(matches!(trust.clients(), Err(TrustError::Damaged { .. })));
    assert!(matches!(trust.revoke(&"laptop".parse().unwrap()), Err(TrustError::Damaged { .. })));
    assert!(matches!(trust.issue(address(), VALID), Err(TrustError::Damaged { .. })));
    assert!(matches!(trust.noted_address(), Err(TrustError::Damaged { .. })));
    assert_eq!(fs::read_to_string(trust.folder.join(CODES)).unwrap(), "{");
    fs::write(trust.folder.join("identity.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(matches!(trust.identity(), Err(TrustError::Identity(IdentityError::Pem(_)))));
}

#[test]
fn without_a_folder_nothing_is_kept_anywhere() {
    let nowhere = Trust::new("");
    assert!(matches!(nowhere.identity(), Err(TrustError::NoFolder)));
    assert!(matches!(nowhere.clients(), Err(TrustError::NoFolder)));
    assert!(matches!(nowhere.noted_address(), Err(TrustError::NoFolder)));
}
