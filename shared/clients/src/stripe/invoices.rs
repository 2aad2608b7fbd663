//! Invoices, and the pages on which users pay them.

use miniserde::Deserialize;
use reqwest::Url;

use super::Stripe;
use super::error::StripeError;
use super::request::GetRequest;
use super::wire::Page;

#[derive(Deserialize)]
struct InvoiceResponse {
    status: Option<String>,
    hosted_invoice_url: Option<String>,
}

#[derive(Deserialize)]
struct InvoicePayment {
    invoice: Option<String>,
}

impl Stripe {
    /// The page on which the user pays or confirms the invoice `id`. `None` if the invoice is not
    /// open, or if its page is not at one of Stripe's hosts.
    pub async fn find_invoice_page(&self, id: &str) -> Result<Option<String>, StripeError> {
        let request = GetRequest { path: format!("/invoices/{id}"), query: &[] };
        let invoice: InvoiceResponse = self.read(&request).await?;
        let is_open = invoice.status.as_deref() == Some("open");
        Ok(invoice.hosted_invoice_url.filter(|url| is_open && self.is_own_page(url)))
    }

    /// The ids of the invoices that a payment intent has paid.
    pub async fn list_invoices_paid_by(&self, payment_intent: &str) -> Result<Vec<String>, StripeError> {
        let query = [("payment[type]", "payment_intent"), ("payment[payment_intent]", payment_intent)];
        let request = GetRequest { path: "/invoice_payments".to_owned(), query: &query };
        let page: Page<InvoicePayment> = self.read(&request).await?;
        Ok(page.data.into_iter().filter_map(|payment| payment.invoice).collect())
    }

    /// Whether `url` is at `stripe.com` or a host below it, or where the API is: the mock has its
    /// pages there.
    fn is_own_page(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let host = url.host_str().unwrap_or_default();
        let is_stripes = url.scheme() == "https" && (host == "stripe.com" || host.ends_with(".stripe.com"));
        is_stripes || url.origin().ascii_serialization() == self.http.origin()
    }
}
