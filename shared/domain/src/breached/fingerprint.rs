use sha2::{Digest, Sha256};

/// The first four bytes of SHA-256: of 30,000 passwords, one in 140,000 others has a fingerprint that is taken.
fn fingerprint(password: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(password.as_bytes()));
    [a, b, c, d]
}
