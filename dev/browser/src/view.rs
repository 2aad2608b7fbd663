//! What the page is seen on: the size of the window, phone or not, light or dark.

use std::fmt::{self, Display, Formatter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Browser;

#[derive(Debug, Clone, Copy)]
pub struct View {
    pub width: u32,
    pub height: u32,
    pub is_phone: bool,
    pub is_dark: bool,
}

impl View {
    pub const fn desktop(is_dark: bool) -> Self {
        Self { width: 1280, height: 800, is_phone: false, is_dark }
    }

    pub const fn phone(is_dark: bool) -> Self {
        Self { width: 390, height: 844, is_phone: true, is_dark }
    }

    /// The four views in which every state of the page is looked at.
    pub const ALL: [Self; 4] =
        [Self::desktop(false), Self::desktop(true), Self::phone(false), Self::phone(true)];
}

impl Display for View {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (device, colours) =
            (if self.is_phone { "phone" } else { "desktop" }, if self.is_dark { "dark" } else { "light" });
        write!(f, "{device}-{colours}")
    }
}

impl Browser {
    /// Shows pages as on this device. They get the colours if they follow the device's.
    pub async fn show_on(&self, view: View) {
        let View { width, height, is_phone, is_dark } = view;
        let metrics = json!({ "width": width, "height": height, "mobile": is_phone, "deviceScaleFactor": if is_phone { 2 } else { 1 } });
        let _ = self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let _ = self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": is_phone })).await;
        let _ = self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        let colours = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        let _ = self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Waits until fonts, colours of code and transitions are complete.
    pub async fn settle(&self) {
        self.until_true("!document.querySelector('pre code') || document.querySelector('.hljs-keyword, .hljs-string, .hljs-attr')").await;
        self.until_true("document.fonts.status === 'loaded' && document.getAnimations().every(one => one.playState !== 'running')").await;
    }

    /// A picture of the page in WebP, which takes a third of PNG's size.
    pub async fn picture(&self) -> Vec<u8> {
        let format = json!({ "format": "webp", "quality": 90 });
        let picture = self.devtools("Page.captureScreenshot", format).await;
        STANDARD.decode(picture["data"].as_str().unwrap_or_default()).unwrap()
    }
}
