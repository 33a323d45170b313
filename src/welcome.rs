//! The one short block that is printed when everything is ready.

use std::fmt::Write;

use crate::tour::Tour;
use crate::up::Up;
use crate::{broker, qr};

/// What `up` prints.
#[must_use]
pub fn of_everything(up: &Up) -> String {
    let (local, network) = (up.local_url(), up.network_url());
    let mut text = format!("\nWindowseat is ready. Ctrl-C stops it.\n\n  On this machine     {local}/\n");
    let _ = writeln!(text, "  Tablet or phone     {network}/   (it warns once: the certificate was made here)\n");
    for line in qr::lines(&format!("{network}/")) {
        let _ = writeln!(text, "      {line}");
    }
    text += &of_tour(&up.demo, &network);
    for (name, page) in &up.robots {
        let _ = writeln!(text, "  {:<20}http://{page}/", format!("Robot {name}"));
    }
    let folder = up.data.display();
    let _ = writeln!(
        text,
        "  MQTT, to look       mqtt://{} user {} (secret in {folder}/keys/devices.toml)",
        up.mqtt,
        broker::OPERATOR
    );
    let _ = writeln!(text, "  Everything kept     {folder}/\n");
    text
}

/// Sign-ins and the pupil's pairing link of the demo authority, whose pages are at `url`.
#[must_use]
pub fn of_tour(tour: &Tour, url: &str) -> String {
    let mut text = String::from("\n  Sign in as\n");
    for sign_in in &tour.sign_ins {
        let _ = writeln!(text, "    {:<18}{:<36}{}", sign_in.role, sign_in.email, sign_in.password);
    }
    let _ = writeln!(text, "\n  Pupil's tablet      {url}{}", tour.pairing_path);
    text
}
