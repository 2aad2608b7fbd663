//! Counts the answers of each model and their ratings.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{Datelike as _, Days, NaiveDate};
use domain::quota;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::feedback::{self, ModelRatings};
use web::{Admin, ApiError, ValidQuery, success};

/// The most days that a request counts.
const MAX_DAYS: u64 = 366;
/// The days that a request without `from` counts.
const DEFAULT_DAYS: u64 = 30;

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelRatingsQuery {
    /// The first day (UTC); by default 30 days up to `to`. At most 366 days are counted.
    #[garde(skip)]
    from: Option<NaiveDate>,
    /// The last day (UTC); by default today.
    #[garde(skip)]
    to: Option<NaiveDate>,
}

impl ModelRatingsQuery {
    /// The first and the last day.
    fn range(&self, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), ApiError> {
        let last = self.to.unwrap_or(today);
        // Postgres does not support all days that chrono does.
        if last > today || last.year() < 1970 {
            return Err(ApiError::invalid(vec!["to: must be a day from 1970 to today (UTC)".to_owned()]));
        }
        let first = self.from.unwrap_or_else(|| start(last, DEFAULT_DAYS));
        if first > last || first < start(last, MAX_DAYS) {
            let error = format!("from: must be less than {MAX_DAYS} days before `to`, and not after it");
            return Err(ApiError::invalid(vec![error]));
        }
        Ok((first, last))
    }
}

/// The first of the `days` days that end with `last`.
fn start(last: NaiveDate, days: u64) -> NaiveDate {
    last.checked_sub_days(Days::new(days - 1)).unwrap_or(last)
}

/// The answers of a model, and how users rated them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ModelRatingsView {
    model: String,
    answers: i64,
    up: i64,
    down: i64,
}

impl From<ModelRatings> for ModelRatingsView {
    fn from(ModelRatings { model, answers, up, down }: ModelRatings) -> Self {
        Self { model, answers, up, down }
    }
}

/// The ratings of each model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ModelRatingsList {
    from: NaiveDate,
    to: NaiveDate,
    models: Vec<ModelRatingsView>,
}

/// Counts the answers of each model that were stored in a range of days, and their ratings.
///
/// Deleted answers and their ratings count; withdrawn ratings do not. Requires the role admin.
#[utoipa::path(
    get, path = "/api/queue/feedback/models",
    security(("token" = [])),
    params(ModelRatingsQuery),
    responses(
        (status = 200, description = "The counts of each model, by name.", body = ModelRatingsList),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<ModelRatingsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (from, to) = query.range(quota::day_of(app.clock.now()))?;
    let models = feedback::count_by_model(&app.db().await?, from, to).await?;
    Ok(success(ModelRatingsList { from, to, models: models.into_iter().map(Into::into).collect() }))
}
