//! [`ClaimCounter`]: the real store of idempotency records, which counts its claims.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use clients::table::idempotency::{ClaimOutcome, ClaimRequest, IdempotencyStore, Lease};
use clients::table::{Table, TableError};

/// A store that counts the claims, each of which writes to DynamoDB.
pub struct ClaimCounter {
    table: Table,
    claims: AtomicUsize,
}

impl ClaimCounter {
    /// Counts the claims on `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, claims: AtomicUsize::new(0) }
    }

    /// The number of claims so far.
    pub fn claims(&self) -> usize {
        self.claims.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl IdempotencyStore for ClaimCounter {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<ClaimOutcome, TableError> {
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.table.claim(request).await
    }

    async fn find_receipt(&self, request: ClaimRequest<'_>) -> Result<Option<String>, TableError> {
        self.table.find_receipt(request).await
    }

    async fn complete(&self, lease: &Lease, receipt: &str) -> Result<bool, TableError> {
        self.table.complete(lease, receipt).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), TableError> {
        self.table.release(lease).await
    }

    async fn delete(&self, lease: &Lease) -> Result<(), TableError> {
        self.table.delete(lease).await
    }
}
