//! From the key to the backend: models are signed by the command line, and a backend that asks for it serves no others.

use std::fs;
use std::sync::Arc;

use serde_json::json;
use shroff_serve::follow::{BackendError, Follow, Opened};
use shroff_serve::registry::AliasTarget;
use shroff_serve::signed::TrustedKeys;
use shroff_serve::{Record, Scorer, Value};
use shroff_train::registry::{Decision, Registry, Run, Verdict};

use crate::common::{artifact, linear_with_bias};
use crate::project::{Project, assert_says};

const NOW: &str = "2018-08-01T00:00:00Z";

#[test]
fn a_backend_serves_what_is_signed_and_a_rollback_is_signed_anew() {
    let project = Project::new();
    let root = project.path("registry");
    let registry = Registry::open_or_create(&root).expect("made");
    for bias in [-2.5, -2.25] {
        publish(&registry, bias);
    }
    let made = project.run("keygen --no-password").expect(0);
    assert_says(&made.stdout, &["shroff.key", "shroff.pub"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(project.path("shroff.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    }
    let again = project.run("keygen --no-password").expect(2);
    assert_says(&again.stderr, &["shroff.pub is there, and keys are never replaced"]);

    let keys = fs::read_to_string(project.path("shroff.pub")).expect("made above");
    let keys = TrustedKeys::parse(&keys).expect("a public key");
    let start = || {
        let follow = Follow::new(&root, "cards", "champion").trust(keys.clone());
        let prepare = |opened: Opened| -> Result<Arc<Scorer>, BackendError> { Ok(opened.scorer) };
        follow.cache(project.path("cache")).start(prepare)
    };
    let error = start().expect_err("nothing is signed yet").to_string();
    assert_says(&error, &["is not signed for event 2", "shroff sign"]);
    let refused = project.run("verify cards@champion --key shroff.pub").expect(4);
    assert_says(&refused.stderr, &["it is not signed for event 2"]);

    let signed = project.run("sign cards@champion --key shroff.key").expect(0);
    assert_says(&signed.stdout, &["signed: cards@champion", "event 2", "minisig"]);
    // Signed again: it is there, and stays.
    let json = project.run("sign cards@champion --key shroff.key --json").expect(0).json();
    let signature = json["signature"].as_str().expect("a path").to_owned();
    let verified = project.run("verify cards@champion --key shroff.pub").expect(0);
    assert_says(&verified.stdout, &["sound: artifact", "signed: cards@champion of event 2"]);
    // A file of that name is another model: the alias's signature says nothing of it.
    fs::write(project.path("cards@champion"), artifact(&linear_with_bias(-2.25))).expect("written");
    let refused = project.run("verify cards@champion --key shroff.pub").expect(4);
    assert_says(&refused.stderr, &["cards@champion in the registry names artifact"]);
    fs::remove_file(project.path("cards@champion")).expect("removed");
    let follower = start().expect("it is signed");
    assert_eq!(follower.status().serving.event, 2);
    // The file that somebody mails, with its signature.
    let blob = registry.reader().blob_path(&follower.status().serving.artifact);
    fs::copy(blob, project.path("model.shroff")).expect("copied");
    let file = format!("verify model.shroff --key shroff.pub --signature {signature} --json");
    let json = project.run(&file).expect(0).json();
    assert_eq!(json["signed"], json!({ "model": "cards", "alias": "champion", "event": 2 }));

    // Promoted without a key: visible, and not served.
    project.run("registry promote cards 2 --why better").expect(0);
    let status = follower.refresh();
    assert_eq!(status.serving.event, 2);
    assert_says(&status.error.expect("unsigned"), &["is not signed for event 5"]);
    // The same once more, with the key: nothing but the signature was missing.
    project.run("registry promote cards 2 --why better --key shroff.key").expect(0);
    let status = follower.refresh();
    assert_eq!((status.error, status.serving.event), (None, 5));

    // A rollback is an event of its own, signed anew: the old one's signature does not help.
    project.run("registry rollback cards --why alerts --key shroff.key").expect(0);
    let status = follower.refresh();
    assert_eq!((status.error, status.serving.event), (None, 6));
    let payment = [Value::Number(191.75), Value::Text("FR"), Value::Number(250.0)];
    let score = follower.current().score_record(Record::new(&payment)).expect("it scores");
    assert!((score.margin + 1.25).abs() < 1e-12, "the first model");
    // Somebody who can write to the registry puts back the event of the second one, signed as it is.
    let alias = registry.reader().alias_path("cards", "champion").expect("a name");
    let second = Scorer::from_bytes(&artifact(&linear_with_bias(-2.25))).expect("it opens").id();
    fs::write(&alias, format!("{second} 5\n")).expect("written");
    let status = follower.refresh();
    assert_eq!(status.serving.event, 6);
    assert_says(&status.error.expect("older"), &["an event's number only grows"]);
    drop(follower);
    let follower = start().expect("from the cache");
    assert_eq!((follower.status().serving.event, follower.status().from_cache), (6, true));

    // The alias is behind the rollback, as when its writer was killed. As long as that cannot be signed it stays
    // there, and the same command finishes it rather than go one further back.
    let champion = AliasTarget { artifact: follower.status().serving.artifact, event: 6 };
    let signature = registry.reader().signature_path(&champion);
    fs::write(&signature, "no signature").expect("written");
    project.run("registry rollback cards --why alerts --key shroff.key").expect(1);
    let behind = fs::read_to_string(&alias).expect("there");
    assert_eq!(behind, format!("{second} 5\n"));
    fs::remove_file(&signature).expect("removed");
    project.run("registry rollback cards --why alerts --key shroff.key").expect(0);
    assert_eq!(fs::read_to_string(&alias).expect("there"), format!("{champion}\n"));
    assert_eq!(registry.events("cards").expect("read").len(), 6);
    let verified = project.run("verify cards@champion --key shroff.pub").expect(0);
    assert_says(&verified.stdout, &["signed: cards@champion of event 6"]);

    // Another key: what it signs is its own business.
    project.run("keygen --no-password --secret other.key --public other.pub").expect(0);
    let refused = project.run("verify cards@champion --key other.pub").expect(4);
    assert_says(&refused.stderr, &["another key than the trusted ones"]);
    for (arguments, part) in [
        ("sign cards@1 --key shroff.key", "expected NAME@champion or NAME@challenger"),
        ("sign cards@challenger --key shroff.pub", "expected the secret key file"),
        ("sign cards@champion --key none.key", "none.key"),
        ("verify cards@champion --key shroff.key", "expected the text of a minisign public key"),
        ("verify model.shroff --key shroff.pub", "--signature"),
        ("keygen --secret new.key --public new.pub", "say --no-password"),
        ("sign shops@champion --key shroff.key", "model \"shops\" has no champion"),
    ] {
        let run = project.run(arguments).expect(2);
        assert_says(&run.stderr, &[part]);
    }
}

/// The first becomes champion; the second was compared with none, and becomes the challenger.
fn publish(registry: &Registry, bias: f64) {
    let bytes = artifact(&linear_with_bias(bias));
    let run = Run {
        artifact: Scorer::from_bytes(&bytes).expect("it opens").id(),
        run_key: blake3::hash(&bytes).into(),
        as_of: None,
        created_at: NOW.into(),
        created_by: "cron".into(),
        parent: None,
        learner: "logistic".into(),
        verdict: Verdict { decision: Decision::Promote, reason: "first version".into() },
        report: json!({}),
    };
    registry.publish("cards", &bytes, run).expect("published");
}
