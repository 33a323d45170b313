// Which state the class page is in, and every word it says about it. Pure: facts in, a scene out; no DOM, no clock.
// Invariant: "live" needs a frame that arrived just now; a connection that merely exists is never called live.

/** A picture is live while its newest frame is at most this old, in milliseconds. */
export const LIVE_WITHIN_MS = 1500;
/** Sound is going on while packets arrived at most this long ago, in milliseconds. */
export const SOUND_WITHIN_MS = 2500;
/** The robot tells its state every 2 s; after this long without it, its link is called weak, in milliseconds. */
export const ROBOT_WITHIN_MS = 6000;
/** A robot with less charge says so, in per cent. */
export const LOW_BATTERY_PCT = 15;

/**
 * What a robot says of itself, see `RobotState` in the contract.
 * @typedef {{camera_on: boolean, paused: boolean, carried: boolean, resting: boolean, pan_deg: number, tilt_deg: number,
 *   hand_up: boolean, feeling: string, level: string, battery_pct: number, hears_dbfs?: number}} RobotState
 */

/**
 * Everything the words depend on. Ages are in milliseconds; `null` means never.
 * @typedef {object} Facts
 * @property {string} robot its name
 * @property {"start"|"asking"|"joining"|"in"|"refused"|"ended"} stage
 * @property {string} refusal why, if refused
 * @property {string} reason what the other side said when a try to connect failed, empty for nothing
 * @property {boolean} broken the way to the bridge is interrupted
 * @property {"good"|"weak"} path how good that way is
 * @property {boolean|null} robotHere what the bridge says of the robot's side
 * @property {RobotState|null} robotState
 * @property {number|null} robotAge since the robot last spoke
 * @property {number|null} frameAge since the newest frame
 * @property {number|null} soundAge since sound last arrived
 * @property {string} pictureTime local time of the newest frame, "11:04"
 * @property {""|"video"|"stills"|"audio"} tier what the bridge says reaches this tablet
 * @property {boolean} small the picture is smaller than it was, to get through
 * @property {""|"pupil"|"school"|"robot"} trouble whose side it is, as the bridge sees it
 * @property {boolean} wantsRest
 * @property {boolean} handUp
 * @property {boolean} talking the microphone is open
 * @property {"soon"|"ready"|"refused"|"none"} mic
 */

/**
 * @typedef {{icon: string, text: string, weak: boolean}} LinkWord
 * @typedef {object} Scene
 * @property {string} state the value of data-state
 * @property {{kind: string, icon: string, text: string, beats: boolean}} chip
 * @property {{icon: string, title: string, lines: string[], strong: string}|null} say the panel over the picture
 * @property {string} tag the line at the top of the picture, empty for none
 * @property {boolean} voice the pupil can be heard in this state
 * @property {string} voiceOff why not
 * @property {boolean} head the head can be turned in this state
 * @property {boolean} inClass the other keys mean something: what is pressed is kept and told as soon as it can be
 * @property {LinkWord[]} links you, school, robot
 */

/**
 * @param {Facts} f
 * @returns {Scene}
 */
export function sceneOf(f) {
  const seat = `Your seat is kept.${f.handUp ? " Your hand is still up." : ""}`;
  /** @type {Omit<Scene, "links">} */
  const base = {
    state: "live", chip: { kind: "look", icon: "wifi", text: "Opening the window", beats: true },
    say: null, tag: "", voice: false, voiceOff: "Back in a moment", head: false, inClass: true,
  };
  /** @param {Partial<Omit<Scene, "links">>} change @returns {Scene} */
  const scene = (change) => ({ ...base, ...change, links: linksOf(f) });

  if (f.stage === "start") return scene({ inClass: false, state: "start", chip: { kind: "line", icon: "clock", text: "Not in class yet", beats: false }, voiceOff: "Not in class yet" });
  if (f.stage === "asking") {
    return scene({
      inClass: false, state: "asking", chip: { kind: "look", icon: "mic", text: "Microphone", beats: false }, voiceOff: "One question first",
      say: { icon: "mic", title: "May Windowseat use the microphone?", lines: ["The tablet asks you now. Your voice goes to class only when you press Talk."], strong: "You can also say no, and only listen." },
    });
  }
  if (f.stage === "refused") {
    return scene({
      inClass: false, state: "refused", chip: { kind: "line", icon: "pause", text: "Not in class", beats: false }, voiceOff: "Not in class",
      say: { icon: "robot", title: "Not just now", lines: [f.refusal], strong: "Your seat is kept." },
    });
  }
  if (f.stage === "ended") {
    return scene({
      inClass: false, state: "ended", chip: { kind: "line", icon: "check", text: "Finished", beats: false }, voiceOff: "Not in class",
      say: { icon: "check", title: "This visit is over", lines: [f.refusal || "Thank you for coming."], strong: "Your seat is kept for next time." },
    });
  }
  if (f.broken && f.stage === "joining" && f.frameAge === null) {
    return scene({
      state: "waiting", chip: { kind: "look", icon: "wifi", text: "Waiting", beats: true },
      say: { icon: "robot", title: `Waiting for ${f.robot}`, lines: [f.reason || "You don’t need to do anything."], strong: "Your seat is kept. The picture comes by itself." },
    });
  }
  if (f.broken) {
    return scene({
      state: "reconnecting", chip: { kind: "look", icon: "wifi", text: "Getting you back", beats: true }, tag: lastPicture(f),
      say: { icon: "wifi", title: "Getting you back", lines: [f.reason || "You don’t need to do anything."], strong: seat },
    });
  }
  if (f.stage === "joining" && f.frameAge === null) {
    return scene({ state: "joining", say: { icon: "wifi", title: "Opening the window", lines: [`Going to ${f.robot}. This takes a moment.`], strong: "" } });
  }
  if (f.robotHere === false) {
    return scene({
      state: "school-away", chip: { kind: "look", icon: "wifi", text: "Getting you back", beats: true }, tag: lastPicture(f),
      say: { icon: "wifi", title: "Getting you back", lines: ["The school’s side dropped out. You don’t need to do anything."], strong: seat },
    });
  }
  const robot = f.robotState;
  if (robot?.carried) {
    return scene({
      state: "carried", chip: { kind: "move", icon: "carry", text: "Being carried", beats: false }, voiceOff: "On again in the room",
      say: { icon: "carry", title: `${f.robot} is being carried`, lines: ["Camera and microphone are off in the corridor."], strong: `${seat} The picture comes back by itself.` },
    });
  }
  if (robot?.paused) {
    return scene({
      state: "paused", chip: { kind: "off", icon: "blind", text: "Robot paused", beats: false }, voiceOff: "Picture and sound are off",
      say: { icon: "blind", title: `${f.robot} is paused`, lines: ["Teachers can do this at any time, for many reasons."], strong: `${seat} The picture comes back by itself.` },
    });
  }
  if (f.wantsRest) {
    return scene({
      state: "resting", chip: { kind: "rest", icon: "moon", text: "Resting", beats: false }, voiceOff: "You are resting",
      say: {
        icon: "moon", title: "You are resting",
        // Said only once the robot itself says so.
        lines: [robot?.resting ? `${f.robot}’s eyes are closed, so the class can tell.` : `Telling ${f.robot} …`],
        strong: "Come back when you like, or not today.",
      },
    });
  }
  const heard = f.soundAge !== null && f.soundAge <= SOUND_WITHIN_MS;
  if (f.frameAge === null && f.tier === "audio" && heard) {
    return scene({
      state: "sound-only", chip: { kind: "look", icon: "wifi", text: "Sound only", beats: true }, voice: true, head: true,
      say: { icon: "wifi", title: "Sound only just now", lines: [troubleOf(f) || "You don’t need to do anything."], strong: "The picture comes back by itself." },
    });
  }
  if (f.frameAge === null) {
    return scene({ state: "joining", say: { icon: "wifi", title: "Opening the window", lines: ["Waiting for the first picture."], strong: "" }, voice: true, head: true });
  }
  if (f.frameAge > LIVE_WITHIN_MS) {
    const more = heard ? (f.mic === "ready" ? " You can still hear and talk." : " You can still hear.") : "";
    const off = robot && !robot.camera_on && !rarePicture(f) ? `${f.robot}’s camera is off. ` : "";
    return scene({
      state: "last-picture", chip: { kind: "look", icon: "pause", text: rarePicture(f) || "Last picture", beats: false },
      tag: off + sentences(lastPicture(f) + more, off ? "" : troubleOf(f)), voice: true, head: true,
    });
  }
  const small = f.small ? "The picture is smaller, so that it gets through." : "";
  return scene({
    state: "live", chip: { kind: "live", icon: "dot", text: rarePicture(f) || "Live", beats: true }, voice: true, head: true,
    tag: sentences(troubleOf(f), small),
  });
}

/** @param {string[]} all */
function sentences(...all) {
  return all.filter(Boolean).join(" ");
}

/** What comes instead of a moving picture, in two words. @param {Facts} f */
function rarePicture(f) {
  return f.tier === "stills" ? "Still pictures" : f.tier === "audio" ? "Sound only" : "";
}

/** Whose side it is, in words that blame nobody. @param {Facts} f */
function troubleOf(f) {
  const sentence = {
    "": "",
    pupil: "The internet where you are is slow just now.",
    school: "The internet at school is slow just now.",
    robot: `${f.robot} is not sending just now.`,
  };
  return sentence[f.trouble];
}

/** @param {Facts} f */
function lastPicture(f) {
  return f.frameAge === null ? "" : `This is the last picture, from ${f.pictureTime}.`;
}

/** @param {Facts} f @returns {LinkWord[]} */
function linksOf(f) {
  /** @param {string} who @param {string} word */
  const link = (who, word) => ({ icon: word === "good" ? "check" : word === "waiting" ? "clock" : "wifioff", text: `${who}: ${word}`, weak: word !== "good" && word !== "waiting" });
  if (f.stage !== "in" && f.stage !== "joining") return ["You", "School", "Robot"].map((who) => link(who, "waiting"));
  const you = f.broken ? "trying again" : f.stage === "joining" ? "waiting" : f.trouble === "pupil" ? "weak" : f.path;
  let school = "waiting";
  let robot = "waiting";
  if (f.stage === "in" && !f.broken) {
    const off = f.robotState !== null && (f.robotState.paused || f.robotState.carried || f.robotState.resting || !f.robotState.camera_on);
    const flowing = off || (f.frameAge !== null && f.frameAge <= LIVE_WITHIN_MS);
    if (f.robotHere === false) school = "trying again";
    else if (f.trouble === "school") school = "weak";
    // What a weak way of one's own holds up is not the school's doing.
    else if (f.robotHere !== null || f.frameAge !== null) school = flowing || f.frameAge === null || f.trouble === "pupil" ? "good" : "weak";
    if (f.robotHere === false) robot = "away";
    else if (f.robotState && f.robotState.battery_pct < LOW_BATTERY_PCT) robot = "battery low";
    else if (f.robotAge !== null) robot = f.robotAge <= ROBOT_WITHIN_MS && (f.trouble !== "robot" || off) ? "good" : "weak";
  }
  return [link("You", you), link("School", school), link("Robot", robot)];
}

/**
 * The Talk key: always says who can hear.
 * @param {Facts} f @param {Scene} scene
 * @returns {{icon: string, title: string, small: string, pressed: boolean, disabled: boolean, mic: "listening"|"talking"|"none"}}
 */
export function talkKeyOf(f, scene) {
  if (f.mic === "refused") return { icon: "micoff", title: "Only listening", small: "The microphone is not allowed", pressed: false, disabled: true, mic: "none" };
  if (!scene.voice) return { icon: "micoff", title: "Your voice is off", small: scene.voiceOff, pressed: false, disabled: true, mic: f.mic === "ready" ? "listening" : "none" };
  if (f.mic === "soon") return { icon: "micoff", title: "Only listening", small: "The microphone comes in a moment", pressed: false, disabled: true, mic: "none" };
  if (f.mic === "none") return { icon: "micoff", title: "Only listening", small: "No microphone here", pressed: false, disabled: true, mic: "none" };
  if (f.talking) return { icon: "mic", title: "Talking", small: "The class can hear you", pressed: true, disabled: false, mic: "talking" };
  return { icon: "mic", title: "Talk", small: "Now only listening", pressed: false, disabled: false, mic: "listening" };
}
