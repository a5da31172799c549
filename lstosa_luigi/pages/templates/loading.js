"use strict";
// Until a long table can be searched only its first rows are laid out; tables.js takes this away.
const loading = document.createElement("style");
loading.textContent = "[data-tools~=search] tbody tr:nth-child(n+501) { display: none; }";
document.head.append(loading);
