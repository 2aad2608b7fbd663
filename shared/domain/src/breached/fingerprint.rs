use sha2::{Digest, Sha256};

/// The first four bytes of the SHA-256 of `password`. With 30,000 listed passwords, about one in
/// 140,000 other passwords has the fingerprint of a listed one and is refused too.
fn fingerprint(password: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(password.as_bytes()));
    [a, b, c, d]
}
