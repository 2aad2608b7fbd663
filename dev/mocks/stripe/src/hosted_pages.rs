//! The hosted pages: checkout and customer portal.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::MockStripe;
use super::account::{Account, by_id, text};
use super::card::Card;
use super::payments::Payment;

#[derive(Deserialize)]
pub struct Action {
    action: String,
    #[serde(default)]
    card: String,
}

pub async fn checkout(State(mock): State<MockStripe>, Path(id): Path<String>) -> Response {
    match find(&mock, SESSIONS, &id) {
        Some((_, session)) if session["status"] == "open" => checkout_page(&session, None),
        _ => not_open(),
    }
}

pub async fn pay(
    State(mock): State<MockStripe>,
    Path(id): Path<String>,
    Form(payment): Form<Payment>,
) -> Response {
    let Some((key, session)) = find(&mock, SESSIONS, &id) else { return not_open() };
    if Card::from_number(&payment.card).is_none() {
        return checkout_page(&session, Some("Enter one of the card numbers below."));
    }
    match mock.with_account(&key, |account| account.pay(&id, &payment)) {
        Ok(open) if open["status"] == "open" => {
            Redirect::to(&format!("/i/{}", text(&open, "invoice"))).into_response()
        }
        Ok(paid) => {
            Redirect::to(&text(&paid, "success_url").replace("{CHECKOUT_SESSION_ID}", &id)).into_response()
        }
        Err(error) if session["status"] == "open" => checkout_page(&session, Some(&error.message)),
        Err(_) => not_open(),
    }
}

pub async fn invoice(State(mock): State<MockStripe>, Path(id): Path<String>) -> Response {
    find(&mock, INVOICES, &id).map_or_else(not_open, |(_, invoice)| invoice_page(&invoice))
}

/// Ends the confirmation of a payment, as the page of the bank does.
pub async fn pay_invoice(
    State(mock): State<MockStripe>,
    Path(id): Path<String>,
    Form(action): Form<Action>,
) -> Response {
    let Some((key, invoice)) = find(&mock, INVOICES, &id) else { return not_open() };
    let succeeds = action.action == "confirm";
    let finished = mock.with_account(&key, |account| account.finish_payment(&id, succeeds));
    invoice_page(&finished.unwrap_or(invoice))
}

pub async fn portal(State(mock): State<MockStripe>, Path(id): Path<String>) -> Response {
    match find(&mock, PORTAL_SESSIONS, &id) {
        Some((key, portal)) => portal_page(&mock, &key, &portal, None),
        None => not_open(),
    }
}

pub async fn portal_action(
    State(mock): State<MockStripe>,
    Path(id): Path<String>,
    Form(action): Form<Action>,
) -> Response {
    let Some((key, portal)) = find(&mock, PORTAL_SESSIONS, &id) else { return not_open() };
    let customer = text(&portal, "customer");
    let outcome = mock.with_account(&key, |account| {
        let subscription = current_subscription(account, &customer).map(|one| text(one, "id"));
        match (action.action.as_str(), subscription) {
            ("cancel", Some(id)) => account.cancel_at_period_end(&id).map(drop),
            ("card", _) => match Card::from_number(&action.card) {
                Some(card) => account.change_card(&customer, card),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    });
    portal_page(&mock, &key, &portal, outcome.err().as_ref().map(|error| error.message.as_str()))
}

type Table = fn(&Account) -> &[Value];
const SESSIONS: Table = |account| &account.sessions;
const INVOICES: Table = |account| &account.invoices;
const PORTAL_SESSIONS: Table = |account| &account.portal_sessions;

fn find(mock: &MockStripe, table: Table, id: &str) -> Option<(String, Value)> {
    let key = mock.find_account(|account| by_id(table(account), id).is_some())?;
    let object = mock.with_account(&key, |account| by_id(table(account), id).cloned())?;
    Some((key, object))
}

/// The customer's latest subscription that has not ended.
fn current_subscription<'a>(account: &'a Account, customer: &str) -> Option<&'a Value> {
    account.subscriptions.iter().rev().find(|one| one["customer"] == customer && one["status"] != "canceled")
}

fn not_open() -> Response {
    let page = page("Not open", "<p>This page has expired or does not exist.</p>");
    (StatusCode::NOT_FOUND, page).into_response()
}

/// An amount as the page shows it. The mock knows one currency without cents.
fn shown(amount: &Value, currency: &Value) -> String {
    let amount = amount.as_i64().unwrap_or_default();
    match currency.as_str().unwrap_or_default() {
        "usd" => format!("${}.{:02}", amount / 100, amount % 100),
        "jpy" => format!("¥{amount}"),
        other => format!("{}.{:02} {}", amount / 100, amount % 100, escape(&other.to_uppercase())),
    }
}

fn invoice_page(invoice: &Value) -> Response {
    let price = shown(&invoice["amount_remaining"], &invoice["currency"]);
    let body = if invoice["status"] == "open" {
        include_str!("pages/invoice.html").replace("{{price}}", &price)
    } else {
        "<p>This invoice is paid.</p>".to_owned()
    };
    page("Your invoice", &body).into_response()
}

fn checkout_page(session: &Value, error: Option<&str>) -> Response {
    let takes_code = session["allow_promotion_codes"] == true;
    let code = if takes_code { "<label>Promotion code <input name=promotion_code></label>" } else { "" };
    let body = include_str!("pages/checkout.html")
        .replace("{{price}}", &shown(&session["amount_total"], &session["currency"]))
        .replace("{{promotion_code}}", code)
        .replace("{{error}}", &alert(error))
        .replace("{{cancel_url}}", &escape(session["cancel_url"].as_str().unwrap_or("#")));
    page("Subscribe to Pro", &body).into_response()
}

fn portal_page(mock: &MockStripe, key: &str, portal: &Value, error: Option<&str>) -> Response {
    let customer = text(portal, "customer");
    let one = mock.with_account(key, |account| current_subscription(account, &customer).cloned());
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
    let body = include_str!("pages/portal.html")
        .replace("{{error}}", &alert(error))
        .replace("{{subscription}}", &subscription)
        .replace("{{return_url}}", &escape(portal["return_url"].as_str().unwrap_or("#")));
    page("Your subscription", &body).into_response()
}

fn alert(error: Option<&str>) -> String {
    error.map_or(String::new(), |error| format!("<p role=alert>{}</p>", escape(error)))
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(include_str!("pages/page.html").replace("{{title}}", title).replace("{{body}}", body))
}

fn escape(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('\'', "&#39;").replace('"', "&quot;")
}
