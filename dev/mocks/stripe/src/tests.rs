//! What the stand-in keeps.

use uuid::Uuid;

use super::*;

#[test]
fn what_it_has_is_kept_where_that_is_wanted() {
    let file = std::env::temp_dir().join(format!("stripe-{}.json", Uuid::new_v4()));
    let kept = || StandIn::new("http://x").kept_in(file.clone()).unwrap();
    let new = params::read("metadata[user_id]=u").unwrap();
    let customer = kept().with_account("sk_test_1", |account| account.create_customer(&new));
    let again = kept().with_account("sk_test_1", |account| account.customers.clone());
    assert_eq!(again, [customer]);
    fs::write(&file, "nonsense").unwrap();
    assert!(StandIn::new("http://x").kept_in(file.clone()).is_err());
    fs::remove_file(file).unwrap();
}
