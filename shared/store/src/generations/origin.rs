//! The request that asked for a generation, in the columns `traceparent` and `request_id`.

use domain::RequestOrigin;
use tokio_postgres::Row;

use crate::StoreError;

/// The values of the two columns.
pub(crate) fn parameters(origin: Option<&RequestOrigin>) -> (Option<String>, Option<&str>) {
    let trace = origin.map(|origin| origin.trace.to_string());
    (trace, origin.and_then(|origin| origin.request_id.as_deref()))
}

/// Reads the two columns of `row`. `None` for a generation that an earlier release has accepted.
pub(crate) fn read(row: &Row) -> Result<Option<RequestOrigin>, StoreError> {
    let (trace, request_id): (Option<&str>, Option<&str>) =
        (row.try_get("traceparent")?, row.try_get("request_id")?);
    Ok(RequestOrigin::parse(trace, request_id))
}
