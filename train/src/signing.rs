//! Keys that sign artifacts, in the files of minisign. serve-lib only verifies.
//!
//! ```
//! use shroff_serve::signed::{Statement, TrustedKeys};
//! use shroff_train::signing::{KeyFiles, SigningKey};
//!
//! let files = KeyFiles::generate(None)?;
//! let key = SigningKey::parse(&files.secret, || unreachable!("it has no password"))?;
//! let artifact = "7".repeat(64).parse()?;
//! let statement = Statement { model: "cards".into(), alias: "champion".into(), event: 3 };
//! let signature = key.sign(&artifact, &statement)?;
//! assert_eq!(TrustedKeys::parse(&files.public)?.verify(&artifact, &signature)?, statement);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use minisign::{KeyPair, PError, PublicKey, SecretKey, SecretKeyBox};
use shroff_serve::artifact::ArtifactId;
use shroff_serve::signed::{Statement, TrustedKeys};

/// A secret key, opened.
pub struct SigningKey(SecretKey);

/// A new pair of keys, as the text of two files.
pub struct KeyFiles {
    /// The secret key, under its password if it has one. Whoever has it can sign.
    pub secret: String,
    /// The public key, for backends.
    pub public: String,
}

/// Why a key cannot be made, opened or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The text is no secret key.
    #[error("expected the secret key file of `shroff keygen` or minisign: {0}")]
    Key(String),
    /// It was encrypted with another password.
    #[error("the password does not open this key, or its file is damaged")]
    Password,
    /// The password could not be had.
    #[error("the key has a password: type it at a terminal, or set SHROFF_KEY_PASSWORD")]
    NoPassword(#[source] std::io::Error),
    /// The key could not sign.
    #[error("could not sign: {0}")]
    Sign(String),
}

impl KeyFiles {
    /// A new pair; without a password the secret key lies open in its file.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate(password: Option<String>) -> Result<Self, SigningError> {
        let pair = match password {
            None => KeyPair::generate_unencrypted_keypair(),
            password => KeyPair::generate_encrypted_keypair(password),
        };
        let files = pair.and_then(|pair| {
            let secret = pair.sk.to_box(Some("shroff secret key"))?.into_string();
            Ok(Self { secret, public: pair.pk.to_box()?.into_string() })
        });
        files.map_err(reason(SigningError::Sign))
    }
}

impl SigningKey {
    /// Opens the text of a secret key; `password` is asked for one if the key has one.
    ///
    /// # Errors
    /// The text is no secret key, or the password is not its own.
    pub fn parse(
        text: &str,
        password: impl FnOnce() -> std::io::Result<String>,
    ) -> Result<Self, SigningError> {
        let boxed = || SecretKeyBox::from_string(text).map_err(reason(SigningError::Key));
        let open = |key: SecretKeyBox| key.into_unencrypted_secret_key();
        let error = match open(boxed()?) {
            Ok(key) => return Ok(Self(key)),
            Err(error) => error,
        };
        // Of a key without a password it says what is wrong; one with a password is one that it cannot read.
        let is_encrypted = text.lines().nth(1).is_some_and(|line| line.starts_with(ENCRYPTED));
        if !is_encrypted {
            return Err(SigningError::Key(error.to_string()));
        }
        let password = password().map_err(SigningError::NoPassword)?;
        let key = boxed()?.into_secret_key(Some(password));
        key.map(Self).map_err(|_| SigningError::Password)
    }

    /// The text of a signature over an artifact's id that states this.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn sign(
        &self,
        artifact: &ArtifactId,
        statement: &Statement,
    ) -> Result<String, SigningError> {
        let (message, comment) = (artifact.to_string(), statement.to_string());
        let signed = minisign::sign(
            None,
            &self.0,
            message.as_bytes(),
            Some(&comment),
            Some("signature of a shroff artifact's id"),
        );
        signed.map(|signed| signed.into_string()).map_err(reason(SigningError::Sign))
    }

    /// The public key that belongs to it.
    ///
    /// # Errors
    /// The key is damaged.
    pub fn trusted(&self) -> Result<TrustedKeys, SigningError> {
        let public = PublicKey::from_secret_key(&self.0).map_err(reason(SigningError::Key))?;
        TrustedKeys::parse(&public.to_base64())
            .map_err(|error| SigningError::Key(error.to_string()))
    }
}

/// Never the key itself.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

fn reason(kind: fn(String) -> SigningError) -> impl Fn(PError) -> SigningError {
    move |error| kind(error.to_string())
}

/// How the base64 of a key begins that is encrypted by scrypt: `Ed`, `Sc`.
const ENCRYPTED: &str = "RWRTY";
