// `/class` opened directly: the big button does what the tap on "Go to class" would have done.

import { openClass } from "./class.js";

const root = document.getElementById("class");
if (root) openClass(root);
