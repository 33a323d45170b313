// Shows what the robot says of itself and passes button presses on. It keeps nothing.

/** @param {string} id */
const part = (id) => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
};

/** Sets text only when it changes, so that screen readers are not told twice. @param {string} id @param {string} text */
const say = (id, text) => {
  const found = part(id);
  if (found.textContent !== text) found.textContent = text;
};

const STATES = {
  idle: ['Ready, nobody here', ''],
  live: ['A pupil is here', 'live'],
  resting: ['The pupil is resting', 'rest'],
  paused: ['Paused in the classroom', 'look'],
  carried: ['Being carried', 'move'],
};
const SILENCES = {
  off: ['Switched off', ''],
  flat: ['The battery is empty', 'fault'],
  rebooting: ['Starting', 'look'],
  no_wifi: ['No Wi-Fi', 'fault'],
};
const FEELINGS = { none: 'Nothing special', happy: 'Happy', unsure: 'Unsure', tired: 'Tired', help: 'Please help me' };
const LEVELS = { whisper: 'Whisper', normal: 'Normal', loud: 'Loud' };

/** @param {number} degrees @param {string} more @param {string} less */
const side = (degrees, more, less) => (Math.round(degrees) === 0 ? '' : `${Math.abs(Math.round(degrees))}° ${degrees > 0 ? more : less}`);

/** @param {any} view */
function show(view) {
  const [words, colour] = view.silence ? SILENCES[view.silence] : STATES[view.body.state];
  say('state', words);
  part('state').className = `chip ${colour}`;
  say('name', view.name);
  document.title = `${view.name} – Windowseat`;
  say('clock', view.clock);

  const off = view.silence === 'off' || view.silence === 'flat' || view.silence === 'rebooting';
  const awake = Boolean(view.session) && !off && !view.paused && !view.carried && !view.resting;
  const light = view.camera_on ? 'Camera and microphone are on' : view.microphone_on ? 'The camera is off, the microphone is on' : 'Camera and microphone are off';
  say('light', light);
  part('light').classList.toggle('on', view.camera_on || view.microphone_on);

  const robot = part('robot');
  robot.classList.toggle('live', view.camera_on || view.microphone_on);
  robot.classList.toggle('awake', awake);
  robot.classList.toggle('asleep', !awake);
  robot.classList.toggle('hand', view.hand_up);
  robot.setAttribute('data-feeling', awake ? view.feeling : 'none');
  part('face').setAttribute('transform', `translate(${(view.pan_deg / 170) * 62} ${-view.tilt_deg * 0.9})`);
  part('head').setAttribute('transform', `rotate(${(view.pan_deg / 170) * 6} 200 226) translate(0 ${-view.tilt_deg * 0.35})`);
  say('robot-words', `${view.name}: ${words}. ${light}. Hand ${view.hand_up ? 'up' : 'down'}.`);

  say('pupil', !view.session ? 'Nobody' : view.talking ? 'Here, microphone open' : 'Here, listening');
  say('hand', view.hand_up ? 'Up' : 'Down');
  say('feeling', FEELINGS[view.feeling]);
  say('pose', [side(view.pan_deg, 'right', 'left'), side(view.tilt_deg, 'up', 'down')].filter(Boolean).join(', ') || 'Straight ahead');
  say('voice', LEVELS[view.level]);
  const heard = view.hears_dbfs ?? null;
  /** @type {HTMLMeterElement} */ (part('hears')).value = heard ?? -60;
  say('hears-words', heard === null ? 'Silence' : `${Math.round(heard)} dB`);
  say('battery', `${view.battery_pct} %${view.body.charging ? ', charging' : ''}`);
  say('wifi', view.silence ? 'None' : `${view.body.wifi_dbm} dBm`);
  say('broker', view.broker_here ? 'Connected' : 'Not connected');
  say('bridge', view.bridge_here ? 'Connected' : 'Not connected');
  say('sent', `${view.frames_sent.toLocaleString('en-GB')} pictures, ${(view.sounds_sent / 50).toLocaleString('en-GB', { maximumFractionDigits: 0 })} s of sound`);
  const minutes = Math.floor(view.body.uptime_s / 60);
  say('uptime', minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`);

  turn('pause', view.paused, 'Pause it');
  turn('charger', view.body.charging, 'Put it on its charger');
  turn('power', view.silence === 'off', 'Switch it off');
}

/** A button that undoes what it did. @param {string} id @param {boolean} done @param {string} words */
function turn(id, done, words) {
  const button = part(id);
  button.dataset.now = (done ? button.dataset.back : button.dataset.fault) ?? '';
  say(id, done ? (button.dataset.backWords ?? words) : words);
}

for (const button of document.querySelectorAll('button[data-fault]')) {
  button.addEventListener('click', async () => {
    const { now, fault } = /** @type {HTMLElement} */ (button).dataset;
    try {
      const response = await fetch(`/fault/${now || fault}`, { method: 'POST' });
      say('said', response.ok ? '' : await response.text());
    } catch {
      say('said', 'The robot does not answer. Is it still running?');
    }
  });
}

const events = new EventSource('/events');
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => {
  say('state', 'The robot does not answer');
  part('state').className = 'chip fault';
};
