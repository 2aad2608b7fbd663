//! argon2 with reused memory. Without reuse, each password costs the allocation, zeroing and page
//! faults of nearly 20 MB.
//!
//! A mutex allows one hash at a time, which is enough because a Lambda serves one request at a
//! time.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

static MEMORY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Hashes with these parameters; verifies with the parameters of the stored hash.
pub(super) struct Hasher {
    algorithm: Algorithm,
    version: Version,
    params: Params,
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm, version: Version, params: Params) -> Self {
        Self { algorithm, version, params }
    }
}

impl PasswordHasher<PasswordHash> for Hasher {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        let (salt, params) = (Salt::new(salt)?, &self.params);
        let mut buffer = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = buffer.get_mut(..length).ok_or(Error::OutputSize)?;
        {
            let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
            let needed = params.block_count();
            if memory.len() < needed {
                memory.resize_with(needed, Block::default);
            }
            let blocks = memory.get_mut(..needed).ok_or(Error::Internal)?;
            Argon2::new(self.algorithm, self.version, params.clone())
                .hash_password_into_with_memory(password, &salt, output, blocks)?;
        }
        Ok(PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params: ParamsString::try_from(params)?,
            salt: Some(salt),
            hash: Some(Output::new(output)?),
        })
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        Self::new(algorithm, version, params).hash_password_with_salt(password, salt)
    }
}
