//! The pages that a person sees: checkout and portal.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::StandIn;
use super::account::{Account, Card, by_id, text};
use super::error::VendorError;
use super::objects::AMOUNT;

#[derive(Deserialize)]
pub(super) struct Payment {
    card: String,
}

#[derive(Deserialize)]
pub(super) struct Action {
    action: String,
    #[serde(default)]
    card: String,
}

/// `GET /c/pay/{session}`
pub(super) async fn checkout(State(stand_in): State<StandIn>, Path(id): Path<String>) -> Response {
    match session(&stand_in, &id) {
        Some((_, session)) if session["status"] == "open" => checkout_page(&session, None),
        _ => gone(),
    }
}

/// `POST /c/pay/{session}`
pub(super) async fn pay(
    State(stand_in): State<StandIn>,
    Path(id): Path<String>,
    Form(payment): Form<Payment>,
) -> Response {
    let Some((key, session)) = session(&stand_in, &id) else { return gone() };
    let Some(card) = Card::numbered(&payment.card) else {
        return checkout_page(&session, Some("Your card number is not one of those below."));
    };
    match stand_in.with_account(&key, |account| account.pay(&id, card)) {
        Ok(paid) => {
            Redirect::to(&text(&paid, "success_url").replace("{CHECKOUT_SESSION_ID}", &id)).into_response()
        }
        Err(error) if session["status"] == "open" => checkout_page(&session, Some(error.message())),
        Err(_) => gone(),
    }
}

/// `GET /p/session/{session}`
pub(super) async fn portal(State(stand_in): State<StandIn>, Path(id): Path<String>) -> Response {
    match portal_session(&stand_in, &id) {
        Some((key, portal)) => portal_page(&stand_in, &key, &portal, None),
        None => gone(),
    }
}

/// `POST /p/session/{session}`
pub(super) async fn portal_action(
    State(stand_in): State<StandIn>,
    Path(id): Path<String>,
    Form(action): Form<Action>,
) -> Response {
    let Some((key, portal)) = portal_session(&stand_in, &id) else { return gone() };
    let customer = text(&portal, "customer");
    let outcome = stand_in.with_account(&key, |account| {
        let lasting = lasting(account, &customer).map(|one| text(one, "id"));
        match (action.action.as_str(), lasting) {
            ("cancel", Some(id)) => account.end_by_date(&id),
            ("card", _) => match Card::numbered(&action.card) {
                Some(card) => account.change_card(&customer, card),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    });
    portal_page(&stand_in, &key, &portal, outcome.err().as_ref().map(VendorError::message))
}

fn session(stand_in: &StandIn, id: &str) -> Option<(String, Value)> {
    let key = stand_in.owner_of(|account| by_id(&account.sessions, id).is_some())?;
    let session = stand_in.with_account(&key, |account| by_id(&account.sessions, id).cloned())?;
    Some((key, session))
}

fn portal_session(stand_in: &StandIn, id: &str) -> Option<(String, Value)> {
    let key = stand_in.owner_of(|account| by_id(&account.portals, id).is_some())?;
    let portal = stand_in.with_account(&key, |account| by_id(&account.portals, id).cloned())?;
    Some((key, portal))
}

fn lasting<'a>(account: &'a Account, customer: &str) -> Option<&'a Value> {
    account.subscriptions.iter().rev().find(|one| one["customer"] == customer && one["status"] != "canceled")
}

fn gone() -> Response {
    let page = page("Not open", "<p>This page is not open, or not any more.</p>");
    (StatusCode::NOT_FOUND, page).into_response()
}

/// An amount in cents, as people write it.
fn dollars(cents: i64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

fn checkout_page(session: &Value, error: Option<&str>) -> Response {
    let error = error.map_or(String::new(), |error| format!("<p role=alert>{}</p>", escape(error)));
    let body = format!(
        "<p class=price>{} <small>a month</small></p>
         <form method=post>
           {error}
           <label>Card number <input name=card inputmode=numeric autocomplete=off required autofocus
             placeholder='4242 4242 4242 4242'></label>
           <button>Pay</button>
         </form>
         <p><a href='{}'>Rather not</a></p>
         <dl>
           <dt>4242 4242 4242 4242</dt><dd>pays</dd>
           <dt>4000 0000 0000 0002</dt><dd>is declined</dd>
           <dt>4000 0000 0000 0341</dt><dd>pays now, and not when the next month begins</dd>
         </dl>",
        dollars(AMOUNT),
        escape(session["cancel_url"].as_str().unwrap_or("#")),
    );
    page("Subscribe to Pro", &body).into_response()
}

fn portal_page(stand_in: &StandIn, key: &str, portal: &Value, error: Option<&str>) -> Response {
    let customer = text(portal, "customer");
    let one = stand_in.with_account(key, |account| lasting(account, &customer).cloned());
    let error = error.map_or(String::new(), |error| format!("<p role=alert>{}</p>", escape(error)));
    let subscription = match &one {
        None => "<p>There is no subscription.</p>".to_owned(),
        Some(one) if one["cancel_at_period_end"] == true || !one["cancel_at"].is_null() => {
            "<p>The subscription to Pro ends with its period.</p>".to_owned()
        }
        Some(one) => format!(
            "<p>The subscription to Pro is <b>{}</b>.</p>
             <form method=post><button name=action value=cancel>Cancel subscription</button></form>",
            escape(&text(one, "status").replace('_', " "))
        ),
    };
    let body = format!(
        "{error}{subscription}
         <form method=post>
           <label>Another card <input name=card inputmode=numeric autocomplete=off required></label>
           <button name=action value=card>Change card</button>
         </form>
         <p><a href='{}'>Return</a></p>",
        escape(portal["return_url"].as_str().unwrap_or("#")),
    );
    page("Your subscription", &body).into_response()
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!DOCTYPE html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content='width=device-width, initial-scale=1'>
<title>{title}</title>
<style>
  body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem; color: #1a1f36 }}
  .note {{ color: #697386; font-size: .875rem }}
  .price {{ font-size: 2rem; margin: 0 }} small {{ font-size: 1rem; color: #697386 }}
  label {{ display: block; margin: 1rem 0 }}
  input {{ display: block; box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid #c1c9d2; border-radius: 6px }}
  button {{ width: 100%; padding: .7rem; font: inherit; border: 0; border-radius: 6px; background: #0b5cad; color: #fff; cursor: pointer }}
  [role=alert] {{ color: #b3093c }}
  dt {{ font-family: ui-monospace, monospace; float: left; clear: left }} dd {{ margin-left: 13rem; color: #697386 }}
</style>
<p class=note>A stand-in for Stripe: no money moves.</p>
<h1>{title}</h1>
{body}
"
    ))
}

fn escape(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('\'', "&#39;").replace('"', "&quot;")
}
