//! `cargo dev open`

use anyhow::Result;
use stack::StackFolder;
use stack::state::State;

/// Opens the web client in a browser. Prints its address if there is none.
pub fn run(folder: &StackFolder) -> Result<()> {
    let address = format!("{}/", State::load_running(folder)?.base_url);
    match open::that_detached(&address) {
        Ok(()) => println!("Opening {address}"),
        Err(_) => println!("No browser can be started here. Open {address}"),
    }
    Ok(())
}
