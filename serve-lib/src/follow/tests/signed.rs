//! A follower that is given keys.

use minisign::KeyPair;

use super::*;
use crate::signed::{Statement, TrustedKeys};

#[test]
#[cfg_attr(miri, ignore = "hundreds of signatures, each of which takes seconds")]
fn only_what_is_signed_for_this_event_is_served_and_nothing_older() {
    let folder = Folder::new("signed");
    let [first, second, third] = [1, 2, 3].map(|n| folder.publish("v1/linear", n));
    let (ours, theirs) = (keys(), keys());
    let cache = folder.root.with_extension("cache");
    let follow = || folder.follow().cache(&cache).trust(trusted(&ours));
    let (mut pursuit, now) = (Pursuit::new(follow(), Ids).unwrap(), Instant::now());

    folder.promote(first, 1);
    let error = pursuit.begin(now).err().unwrap();
    assert!(matches!(error, FollowError::Unsigned { event: 1, .. }), "{error}");
    folder.sign(&ours, first, "cards", "champion", 1);
    assert_eq!(pursuit.begin(now).unwrap().1, first);

    folder.promote(second, 2);
    let refused = |pursuit: &mut Pursuit<Ids>, part: &str| {
        let error = pursuit.poll(now, false).err().unwrap().in_full();
        assert!(error.contains(part), "{error}");
        assert_eq!(pursuit.serving_artifact(), Some(first));
    };
    refused(&mut pursuit, "is not signed for event 2");
    let path = folder.registry().signature_path(&AliasTarget { artifact: second, event: 2 });
    let put = |text: String| fs::write(&path, text).unwrap();
    put(signature(&theirs, second, "shroff model=cards alias=champion event=2"));
    refused(&mut pursuit, "another key");
    for other in ["event=1", "event=3"] {
        put(signature(&ours, second, &format!("shroff model=cards alias=champion {other}")));
        refused(&mut pursuit, "expected 'shroff model=cards alias=champion event=2'");
    }
    put(signature(&ours, second, "shroff model=shops alias=champion event=2"));
    refused(&mut pursuit, "it is for 'shroff model=shops");
    put(signature(&ours, second, "shroff model=cards alias=challenger event=2"));
    refused(&mut pursuit, "it is for 'shroff model=cards alias=challenger");
    put(signature(&ours, second, "timestamp:1532981700"));
    refused(&mut pursuit, "should be 'shroff model=NAME");
    put(signature(&ours, third, "shroff model=cards alias=champion event=2"));
    refused(&mut pursuit, "not a signature over this artifact");
    let good = signature(&ours, second, "shroff model=cards alias=champion event=2");
    // The comment is signed: an event cannot be given another number.
    put(good.replace("event=2", "event=9"));
    refused(&mut pursuit, "not a signature over this artifact and its trusted comment");
    for end in 0..good.trim_end().len() {
        put(good[..end].to_owned());
        refused(&mut pursuit, "minisig cannot be accepted");
    }
    put("x".repeat(5_000));
    refused(&mut pursuit, "should be at most 4096 bytes");
    // A minute later it is signed, and nobody waits for its turn.
    put(good);
    assert!(matches!(pursuit.poll(now, false), Ok(Found::New(_, model)) if model == second));
    pursuit.keep().unwrap();
    assert_eq!(files_with(&cache, "minisig"), [format!("{second}.2.minisig")]);

    // Back to the first event, whose signature is still there, or to another artifact under this one.
    folder.promote(first, 1);
    let error = pursuit.poll(now, false).err().unwrap();
    assert!(matches!(error, FollowError::Older { .. }), "{error}");
    folder.promote(third, 2);
    folder.sign(&ours, third, "cards", "champion", 2);
    assert!(matches!(pursuit.poll(now, false), Err(FollowError::Older { .. })));
    drop(pursuit);

    // Nor does a restart forget; it serves what it accepted last.
    folder.promote(first, 1);
    let mut pursuit = Pursuit::new(follow(), Ids).unwrap();
    let (target, _, error) = pursuit.begin(now).unwrap();
    assert_eq!(target, AliasTarget { artifact: second, event: 2 });
    assert!(matches!(error, Some(FollowError::Older { .. })), "{error:?}");
    // A rollback is a new event, signed anew.
    folder.promote(first, 3);
    folder.sign(&ours, first, "cards", "champion", 3);
    assert!(matches!(pursuit.poll(now, false), Ok(Found::New(_, model)) if model == first));
    pursuit.keep().unwrap();
    drop(pursuit);

    // What must not be forgotten must be readable.
    fs::write(cache.join("cards/champion/models/cards/aliases/champion"), "x").unwrap();
    let error = Pursuit::new(follow(), Ids).unwrap().begin(now).err().unwrap();
    assert!(error.to_string().contains("should be one line"), "{error}");
}

#[test]
#[cfg_attr(miri, ignore = "curves of minisign, no code of ours, for minutes")]
fn keys_are_changed_by_trusting_both_for_a_while() {
    let folder = Folder::new("keys");
    let id = folder.publish("v1/linear", 1);
    let (old, new) = (keys(), keys());
    let text = |pair: &KeyPair| pair.pk.to_box().unwrap().into_string();
    let both = TrustedKeys::parse(&format!("{}\n{}", text(&old), text(&new))).unwrap();
    assert_eq!(both.len(), 2);
    for pair in [&old, &new] {
        let statement = Statement { model: "cards".into(), alias: "champion".into(), event: 7 };
        let signed = signature(pair, id, &statement.to_string());
        assert_eq!(both.verify(&id, &signed), Ok(statement));
    }
    for bad in ["", "untrusted comment: nothing", "RWQ", "not base64!"] {
        let error = TrustedKeys::parse(bad).unwrap_err().to_string();
        assert!(error.starts_with("expected the text of a minisign public key"), "{error}");
    }
}

impl Folder {
    fn sign(&self, by: &KeyPair, artifact: ArtifactId, model: &str, alias: &str, event: u64) {
        let statement = Statement { model: model.into(), alias: alias.into(), event };
        let path = self.registry().signature_path(&AliasTarget { artifact, event });
        fs::write(path, signature(by, artifact, &statement.to_string())).unwrap();
    }
}

/// As minisign signs a file that holds the id.
fn signature(by: &KeyPair, artifact: ArtifactId, comment: &str) -> String {
    let (message, comment) = (artifact.to_string(), Some(comment));
    minisign::sign(None, &by.sk, message.as_bytes(), comment, None).unwrap().into_string()
}

fn keys() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn trusted(pair: &KeyPair) -> TrustedKeys {
    TrustedKeys::parse(&pair.pk.to_box().unwrap().into_string()).unwrap()
}
