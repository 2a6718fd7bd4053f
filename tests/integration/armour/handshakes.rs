//! What is agreed on before a byte of HTTP/2: versions, ciphers, the certificate; and what speaks another
//! language altogether.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use facesets_core::pairing::PairingCode;
use facesets_tests::{
    armoured::{handshake, shown, trusting},
    program::{Run, Workspace},
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::Pair;

/// A `ClientHello` as a client that knows nothing newer than `version` sends it: ECDHE and RSA with AES-GCM
/// and AES-CBC, all usual curves and signatures.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &with_length(body)].concat();
    let suites = [0xC02B, 0xC02F, 0xC00A, 0xC014, 0x009C, 0x002F, 0x0035u16].map(u16::to_be_bytes).concat();
    let extensions = [
        extension(10, &with_length(&[0, 0x1D, 0, 0x17, 0, 0x18])),
        extension(11, &[1, 0]),
        extension(13, &with_length(&[4, 3, 8, 4, 4, 1, 2, 1])),
    ]
    .concat();
    let body =
        [&version[..], &[7; 32], &[0], &with_length(&suites), &[1, 0], &with_length(&extensions)].concat();
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    [&[22, 3, 1][..], &with_length(&message)].concat()
}

#[test]
fn versions_before_tls_1_3_are_refused_by_name() {
    let pair = Pair::strangers();
    for (name, version) in [("1.0", [3, 1]), ("1.1", [3, 2]), ("1.2", [3, 3])] {
        let mut stream = TcpStream::connect(pair.worker.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&client_hello(version)).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        // Alert (21), two bytes long, fatal (2), protocol_version (70).
        assert_eq!((said[0], &said[3..]), (21, &[0, 2, 2, 70][..]), "TLS {name}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cipher_of_tls_1_3_is_spoken_with_http_2_inside_and_nothing_else() {
    let pair = tokio::task::spawn_blocking(Pair::strangers).await.unwrap();
    let code: PairingCode = pair.worker.code().parse().unwrap();
    for name in ["TLS13_AES_256_GCM_SHA384", "TLS13_AES_128_GCM_SHA256", "TLS13_CHACHA20_POLY1305_SHA256"] {
        let stream = handshake(pair.worker.address, trusting(|suite| suite == name)).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(format!("{:?}", session.negotiated_cipher_suite().unwrap().suite()), name);
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(shown(&stream), code.certificate, "the code says which certificate it is");
    }
    let mut other = trusting(|_| true);
    other.alpn_protocols = vec![b"http/1.1".to_vec()];
    let error = handshake(pair.worker.address, other).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn a_worker_with_another_certificate_gets_no_token() {
    let pair = Pair::paired();
    let token = pair.known("token");
    let certificate = pair.known("certificate_sha256");
    let last = if certificate.ends_with('0') { "1" } else { "0" };
    pair.forge("certificate_sha256", &format!("{}{last}", &certificate[..63]));
    let tested = pair.machine.run(["worker", "test"]);
    assert_eq!(tested.code, Some(1), "{tested}");
    let said = &tested.stdout;
    assert!(said.contains("another certificate") && said.contains("nothing was sent to it"), "{tested}");
    let embed = pair.machine.run(["embed", &super::photos()]);
    assert_eq!(embed.code, Some(2), "{embed}");
    embed.says(&["another certificate", "hint: if the worker was set up anew"]);
    pair.nowhere(&[&token]);

    // The same with a code: somebody else at the address gets no secret.
    let code: PairingCode = pair.worker.code().parse().unwrap();
    let forged = PairingCode { certificate: facesets_core::Sha256Digest::of(b"other"), ..code.clone() };
    let refused = pair.machine.run(["worker", "add", &forged.to_string(), "--name", "other"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["another certificate"]);
    pair.machine.ok(["worker", "add", &code.to_string()]);
}

/// Shows a certificate without having its key.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_the_right_certificate_without_its_key_gets_nothing() {
    let pair = tokio::task::spawn_blocking(Pair::paired).await.unwrap();
    let pem = std::fs::read(pair.machine.join("state/identity.pem")).unwrap();
    let certificate = CertificateDer::from_pem_slice(&pem).unwrap();
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    let provider = Arc::new(ring::default_provider());
    let key = provider.key_provider.load_private_key(PrivateKeyDer::try_from(key).unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Impostor(Arc::new(CertifiedKey::new(vec![certificate], key)))));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let impostor = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.map(drop).unwrap_err().to_string()
    });
    pair.forge("url", &format!("https://{address}"));
    let tested = tokio::task::spawn_blocking(move || pair.machine.run(["worker", "test"])).await.unwrap();
    assert_eq!(tested.code, Some(1), "{tested}");
    assert!(
        tested.stdout.contains("TLS came to nothing") && tested.stdout.contains("BadSignature"),
        "{tested}"
    );
    let alert = impostor.await.unwrap();
    assert!(alert.contains("DecryptError") || alert.contains("alert"), "{alert}");
}

/// `embed` with a worker at an address, which does not get far.
fn embed(machine: &Workspace, flags: &[&str]) -> Run {
    let photos = super::photos();
    let run = machine.run(["embed", photos.as_str()].iter().chain(flags));
    assert_eq!(run.code, Some(2), "{run}");
    run
}

#[test]
fn a_plaintext_client_gets_nothing_out_of_a_worker_with_tls() {
    let pair = Pair::strangers();
    let url = format!("http://{}", pair.worker.address);
    let run = embed(&pair.machine, &["--worker", &url, "--token", "sesame-in-the-clear"]);
    // The alert may come before or after the connection is taken for one of HTTP/2.
    assert!(run.stderr.contains("cannot reach") || run.stderr.contains("is no facesets worker"), "{run}");
    run.says(&["hint: check"]);
    let mut stream = TcpStream::connect(pair.worker.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert_eq!(said.first(), Some(&21), "an alert of TLS: {said:?}");
    pair.nowhere(&["sesame-in-the-clear"]);
}

#[test]
fn a_client_with_tls_never_falls_back_to_plaintext() {
    let pair = Pair::paired();
    let token = pair.known("token");
    // Whatever it sends to somebody who speaks no TLS.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    pair.forge("url", &format!("https://{}", listener.local_addr().unwrap()));
    let listening = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut said = vec![0; 4096];
        let length = stream.read(&mut said).unwrap();
        stream.write_all(b"\0\0\0\x04\0\0\0\0\0").unwrap();
        let _ = stream.read_to_end(&mut said);
        said.truncate(length);
        said
    });
    let tested = pair.machine.run(["worker", "test"]);
    assert_eq!(tested.code, Some(1), "{tested}");
    assert!(tested.stdout.contains("TLS came to nothing"), "{tested}");
    let said = listening.join().unwrap();
    assert_eq!(&said[..3], [22, 3, 1], "a ClientHello");
    assert!(!String::from_utf8_lossy(&said).contains(&token));
    // And an address that asks for TLS is not taken without a certificate.
    let unknown = format!("https://{}", pair.worker.address);
    embed(&pair.machine, &["--worker", &unknown])
        .says(&["which certificate is the worker's is not known", "hint: pair"]);
}
