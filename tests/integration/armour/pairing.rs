//! Pairing from both sides: once, in time, by the right worker, and no longer than its owner wants.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use facesets_core::pairing::PairingCode;
use facesets_tests::{
    armoured::{Armoured, wait_for},
    program::Workspace,
    setup,
};
use facesets_worker::trust::Trust;
use serde_json::json;

use super::{Pair, no_secrets, photos};

#[test]
fn a_worker_that_was_paired_with_once_is_used_from_then_on() {
    let pair = Pair::strangers();
    let code = pair.worker.code();
    let added = pair.machine.json(["worker", "add", &code, "--client", "laptop"]);
    assert_eq!((&added["client"], &added["name"]), (&json!("laptop"), &json!("127.0.0.1")));
    assert_eq!(added["address"], json!(format!("https://{}", pair.worker.address)));

    let embedded = pair.machine.ok(["embed", &photos()]);
    embedded.says(&["workers.toml", &format!("at 127.0.0.1 (https://{})", pair.worker.address)]);
    let tested = pair.machine.json(["worker", "test"]);
    assert_eq!(tested["workers"][0]["provider"], json!("cpu"), "{tested}");
    assert_eq!(tested["workers"][0]["packs"][0]["name"], json!("open"), "{tested}");
    let bench = pair.machine.json(["worker", "bench", "127.0.0.1", &photos(), "--megabytes", "32"]);
    assert_eq!((&bench["link"]["files"], &bench["link"]["bytes"]), (&json!(8), &json!(32 << 20)), "{bench}");
    assert!(bench["link"]["megabytes_per_second"].as_f64() > Some(0.0), "{bench}");
    assert!(bench["photos"]["analysed"].as_u64() > Some(0), "{bench}");
    assert_eq!(bench["photos"]["analysed"], bench["photos"]["files"], "{bench}");

    let token = pair.known("token");
    let listed = pair.machine.ok(["worker", "list"]);
    let listed_json = pair.machine.ok(["worker", "list", "--json"]);
    let owner = pair.worker.owner(&["clients", "list", "--json"]);
    assert_eq!(owner.json()[0]["name"], json!("laptop"));
    for said in [&listed, &listed_json, &owner, &embedded] {
        no_secrets(&said.to_string(), &[&token, &code], "what was said".as_ref());
    }
    let mode = |path: &str| fs::metadata(pair.machine.join(path)).unwrap().permissions().mode() & 0o777;
    for path in
        ["config/facesets/workers.toml", "state/identity.pem", "state/clients.json", "state/codes.json"]
    {
        assert_eq!(mode(path), 0o600, "{path}");
    }
    assert_eq!(mode("state"), 0o700);
    pair.nowhere(&[&token, &code, &code.replace('-', "")]);

    pair.machine.ok(["worker", "remove", "127.0.0.1"]);
    assert_eq!(pair.machine.json(["worker", "list"])["workers"], json!([]));
    let managed = pair.machine.ok(["embed", &photos()]);
    assert!(!managed.stderr.contains("https://"), "{managed}");
}

#[test]
fn a_code_works_once_in_time_and_as_it_was_given_out() {
    let pair = Pair::strangers();
    let code = pair.worker.code();
    pair.machine.ok(["worker", "add", &code]);
    let token = pair.known("token");
    let replayed = pair.machine.run(["worker", "add", &code]);
    assert_eq!(replayed.code, Some(2), "{replayed}");
    replayed.says(&["the code was used already", "hint: make another code"]);
    assert_eq!(pair.known("token"), token, "what is known stays");
    pair.machine.ok(["worker", "test"]);

    let trust = Trust::new(pair.machine.join("state"));
    let late = trust.issue(pair.worker.address.into(), Duration::ZERO).unwrap().to_string();
    let expired = pair.machine.run(["worker", "add", &late]);
    assert_eq!(expired.code, Some(2), "{expired}");
    expired.says(&["the code has expired", "hint:"]);

    let mut mistyped = pair.worker.code();
    let other = if mistyped.ends_with('7') { '8' } else { '7' };
    mistyped.replace_range(mistyped.len() - 1.., &other.to_string());
    let wrong = pair.machine.run(["worker", "add", &mistyped]);
    assert_eq!(wrong.code, Some(2), "{wrong}");
    wrong.says(&["typing error in group 24", "hint: compare it"]);

    let log = pair.worker.log();
    assert!(log.contains("the code was used already") && log.contains("the code has expired"), "{log}");
    pair.nowhere(&[&token, &code, &late, &mistyped]);
}

#[test]
fn a_code_is_typed_in_words_or_read_from_standard_input_and_kept_where_one_likes() {
    let pair = Pair::strangers();
    let code = pair.worker.code().to_lowercase();
    let words = ["worker", "add"].into_iter().chain(code.split('-'));
    pair.machine.ok(words);
    let mut command = pair.machine.command(["worker", "add", "-"]);
    fs::write(pair.machine.join("stdin"), format!("{}\n", pair.worker.code())).unwrap();
    command.stdin(fs::File::open(pair.machine.join("stdin")).unwrap());
    assert!(command.output().unwrap().status.success());
    let another = ["worker", "add", &pair.worker.code(), "--workers-file", "others.toml", "--name", "gpu"];
    pair.machine.ok(another);
    pair.machine.ok(["worker", "test", "gpu", "--workers-file", "others.toml"]);
}

#[test]
fn pairing_again_renews_the_token_and_the_old_one_ends() {
    let pair = Pair::paired();
    let before = pair.roster();
    pair.machine.ok(["worker", "add", &pair.worker.code(), "--client", "laptop"]);
    assert_eq!(pair.known("name"), "gpu", "it keeps its name");
    pair.machine.ok(["worker", "test", "gpu"]);
    let after = pair.roster();
    assert_eq!(before.lines().count(), after.lines().count());
    fs::write(pair.machine.join("config/facesets/workers.toml"), before).unwrap();
    let old = pair.machine.run(["worker", "test"]);
    assert_eq!(old.code, Some(1), "{old}");
    assert!(old.stdout.contains("refuses the token"), "{old}");
    let clients = pair.worker.owner(&["clients", "list"]);
    assert_eq!(clients.stdout, "laptop\n");
}

#[test]
fn whoever_guesses_has_to_wait() {
    let pair = Pair::strangers();
    let code: PairingCode = pair.worker.code().parse().unwrap();
    let guess = |byte: u8| {
        let code = PairingCode { secret: [byte; 16].into(), ..code.clone() };
        pair.machine.run(["worker", "add", &code.to_string()])
    };
    guess(1).says(&["not given out here"]);
    let slowed = (2..20).map(guess).find(|run| run.stderr.contains("too many attempts"));
    assert!(slowed.is_some());
    let log = pair.worker.log();
    assert!(log.contains("too many attempts to pair"), "{log}");
}

#[test]
fn a_client_that_is_revoked_is_let_in_no_more_while_others_are() {
    let pair = Pair::paired();
    let other = Workspace::new();
    other.ok(["worker", "add", &pair.worker.code(), "--client", "attic"]);
    let revoked = pair.worker.owner(&["clients", "revoke", "laptop"]);
    assert_eq!(revoked.code, Some(0), "{revoked}");
    let refused = wait_for("the client is refused", || {
        let run = pair.machine.run(["worker", "test"]);
        (run.code == Some(1)).then_some(run)
    });
    assert!(
        refused.stdout.contains("refuses the token") && refused.stdout.contains("hint: pair"),
        "{refused}"
    );
    other.ok(["worker", "test"]);
    let again = pair.worker.owner(&["clients", "revoke", "laptop"]);
    assert_eq!(again.code, Some(2), "{again}");
    again.says(&["no client `laptop`", "hint:"]);
}

#[test]
fn what_a_revoked_client_has_running_ends_and_what_was_analysed_is_kept() {
    let machine = Workspace::new();
    let photos = machine.join("photos");
    fs::create_dir(&photos).unwrap();
    for number in 0..400 {
        fs::write(photos.join(format!("{number}.jpg")), format!("photo {number}")).unwrap();
    }
    let trust = Trust::new(machine.join("state"));
    let mut fake = std::process::Command::new(setup::program("facesets-fake-worker"));
    fake.arg("serve").env("FAKE_WORKER", format!("delay=100 state={}", machine.join("state").display()));
    let mut fake = fake.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(fake.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = ready["address"].as_str().unwrap().parse().unwrap();
    let code = trust.issue(address, Duration::from_mins(10)).unwrap();
    machine.ok(["worker", "add", &code.to_string(), "--client", "laptop"]);

    let mut command = machine.command(["embed", "photos"]);
    let embed =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let analysed = || {
        let status = machine.run(["status", "--json"]);
        if status.code == Some(0) { status.json()["contracts"][0]["faces"].as_u64() } else { None }
    };
    wait_for("some photos are analysed", || analysed().filter(|faces| *faces > 0));
    assert!(trust.revoke(&"laptop".parse().unwrap()).unwrap());
    let run = facesets_tests::program::Run::from(embed.wait_with_output().unwrap());
    fake.kill().unwrap();
    fake.wait().unwrap();
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["refuses the token", "every worker is gone"]);
    let kept = analysed().unwrap();
    assert!(kept > 0 && kept < 400, "{kept} of 400");
}

#[test]
fn a_certificate_whose_time_is_over_is_as_good_as_any_since_it_is_pinned() {
    let machine = Workspace::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["facesets-worker".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let pem = format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem());
    fs::create_dir(machine.join("state")).unwrap();
    fs::write(machine.join("state/identity.pem"), pem).unwrap();
    let refused =
        facesets_tests::armoured::run_worker(machine.path(), &["serve", "--listen=127.0.0.1:0", "--tls"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["others than its owner may read it", "hint: close it with `chmod 600"]);
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(machine.join("state/identity.pem"), owner_only).unwrap();
    let worker = Armoured::start(machine.path(), &[]);
    machine.ok(["worker", "add", &worker.code()]);
    machine.ok(["worker", "test"]);
}
