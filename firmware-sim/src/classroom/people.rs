//! Who is in the room: a teacher who walks and explains, and pupils in front who sit and sometimes raise a hand. Nobody real.

use super::Brush;
use super::canvas::{Colour, rgb};

const SKIN: Colour = rgb(0xbb855e);
const HAIR: Colour = rgb(0x2a1f1c);
const SHIRT: Colour = rgb(0x415f7b);
const TROUSERS: Colour = rgb(0x353c4c);

pub(super) fn teacher(brush: &mut Brush, age_s: f32) {
    // Two slow movements that rarely meet, so that the walk does not look like clockwork.
    let x = 262.0 + 56.0 * (age_s * 0.23).sin() + 18.0 * (age_s * 0.61).sin();
    let bob = 1.5 * (age_s * 2.1).sin();
    brush.rect(x - 25.0, 200.0, 22.0, 110.0, TROUSERS);
    brush.rect(x + 3.0, 200.0, 22.0, 110.0, TROUSERS);
    brush.rounded(x - 36.0, 104.0 + bob, 72.0, 122.0, 24.0, SHIRT);
    // The arm that points to the board, and the one that rests.
    let lift = 34.0 + 22.0 * (age_s * 0.9).sin();
    let hand = (x - 96.0, 158.0 - lift);
    brush.line((x - 26.0, 128.0 + bob), (x - 58.0, 158.0 - lift / 3.0), 19.0, SHIRT);
    brush.line((x - 58.0, 158.0 - lift / 3.0), hand, 17.0, SHIRT);
    brush.ellipse(hand.0 - 6.0, hand.1, 11.0, 11.0, SKIN);
    brush.line((x + 28.0, 128.0 + bob), (x + 40.0, 196.0), 19.0, rgb(0x3a5670));
    brush.ellipse(x + 41.0, 204.0, 10.0, 10.0, SKIN);
    brush.rect(x - 9.0, 88.0 + bob, 18.0, 20.0, rgb(0xa87450));
    brush.ellipse(x, 66.0 + bob, 31.0, 33.0, SKIN);
    brush.ellipse_above(x, 62.0 + bob, 33.0, 34.0, 56.0 + bob, HAIR);
    brush.ellipse(x - 13.0, 68.0 + bob, 2.5, 3.0, HAIR);
    brush.ellipse(x + 7.0, 68.0 + bob, 2.5, 3.0, HAIR);
    let open = 1.5 + 2.0 * (age_s * 7.0).sin().abs();
    brush.ellipse(x - 3.0, 83.0 + bob, 7.0, open, rgb(0x7a3f3a));
}

pub(super) fn pupils(brush: &mut Brush, age_s: f32) {
    // Where, how far down, hair, clothes; and when in a minute a hand goes up.
    let class: [(f32, f32, Colour, Colour, f32); 8] = [
        (-250.0, 262.0, rgb(0x4c3324), rgb(0x7b3f52), 0.1),
        (-40.0, 270.0, rgb(0xc99a3c), rgb(0x2f5b58), 0.45),
        (180.0, 256.0, rgb(0x2a1f1c), rgb(0x4b4472), 0.8),
        (430.0, 266.0, rgb(0x7d4a2c), rgb(0x3e5f7d), 0.3),
        (-520.0, 258.0, rgb(0x1d1b20), rgb(0xa85a3a), 0.6),
        (760.0, 262.0, rgb(0x5b3a27), rgb(0x4d7457), 0.9),
        (-900.0, 268.0, rgb(0x8a5a33), rgb(0x5a4a80), 0.2),
        (1300.0, 264.0, rgb(0x332620), rgb(0x8a3d4e), 0.7),
    ];
    for (index, (x, y, hair, clothes, when)) in class.into_iter().enumerate() {
        let phase = index as f32 * 1.7;
        let x = x + 3.0 * (age_s * 0.5 + phase).sin();
        let y = y + 2.0 * (age_s * 0.8 + phase * 2.0).sin();
        let raised = ((age_s / 60.0 + when).fract() * 60.0 - 3.0).abs();
        if raised < 3.0 {
            let lift = (3.0 - raised).min(1.0) * 96.0;
            brush.line((x + 58.0, y + 70.0), (x + 66.0, y + 50.0 - lift), 22.0, clothes);
            brush.ellipse(x + 67.0, y + 40.0 - lift, 14.0, 15.0, SKIN);
        }
        brush.ellipse(x, y + 118.0, 82.0, 84.0, clothes);
        brush.ellipse(x, y, 48.0, 50.0, hair);
        brush.ellipse(x - 14.0, y - 18.0, 16.0, 12.0, lighter(hair));
    }
}

fn lighter(colour: Colour) -> Colour {
    colour.map(|part| part.saturating_add(12))
}
