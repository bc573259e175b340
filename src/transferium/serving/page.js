"use strict";
const MOST = 12;
const at = (id) => document.getElementById(id);
let facts = null;
let picture = null;

const element = (name, text) => {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
};

const show = (...parts) => at("answer").replaceChildren(...parts);

const fail = (text) => {
  const line = element("p", text);
  line.className = "error";
  show(line);
};

const take = (file) => {
  picture = file;
  at("shown").src = URL.createObjectURL(file);
  at("shown").alt = file.name;
  at("shown").hidden = !file.type.startsWith("image/");
};

const bars = (probabilities) => {
  const list = document.createElement("ol");
  const ranked = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  for (const [name, share] of ranked.slice(0, MOST)) {
    const row = document.createElement("li");
    const meter = document.createElement("meter");
    meter.value = share;
    meter.setAttribute("aria-label", name);
    row.append(element("span", name), element("span", `${(100 * share).toFixed(1)} %`), meter);
    list.append(row);
  }
  if (ranked.length > MOST) list.append(element("li", `and ${ranked.length - MOST} more`));
  return list;
};

const marked = (text, spans) => {
  const signs = Array.from(text);
  const line = element("p", "");
  let behind = 0;
  for (const span of spans) {
    line.append(signs.slice(behind, span.start).join(""));
    const mark = element("mark", span.text);
    mark.append(element("small", `${span.label} ${(100 * span.confidence).toFixed(0)} %`));
    line.append(mark);
    behind = span.end;
  }
  line.append(signs.slice(behind).join(""));
  return line;
};

const answer = (one, text) => {
  if (one.error) return fail(one.error);
  if (one.spans) return show(marked(text, one.spans), ...(one.spans.length ? [] : [element("p", "no entity")]));
  const said = "value" in one ? one.value : Array.isArray(one.label) ? one.label.join(", ") || "none" : one.label;
  show(element("h2", String(said)), ...(one.probabilities ? [bars(one.probabilities)] : []));
};

const nearest = (one) => {
  if (one.error) return [];
  const list = document.createElement("ul");
  for (const near of one.near) {
    const row = document.createElement("li");
    const name = near.label === null ? near.id : `${near.label}: ${near.id}`;
    row.append(element("span", name), element("span", near.similarity.toFixed(3)));
    list.append(row);
  }
  const said = element("p", one.familiar ? "" : `This is like none of the ${facts.examples} known examples.`);
  said.className = one.familiar ? "" : "error";
  return [said, element("h3", "Nearest known examples"), list];
};

const request = () => {
  const headers = at("token").value ? { Authorization: `Bearer ${at("token").value}` } : {};
  if (!at("drop").hidden) {
    if (!picture) throw new Error("choose a file first.");
    const form = new FormData();
    form.append("files", picture);
    return { method: "POST", headers, body: form };
  }
  const [field] = Object.keys(facts.request);
  const written = at("text").value;
  const body = JSON.stringify({ [field]: [field === "texts" ? written : JSON.parse(written)] });
  return { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body };
};

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const text = at("text").value;
    const response = await fetch("/predict", request());
    const found = await response.json();
    if (response.status === 401) at("secret").hidden = false;
    if (!response.ok) return fail(found.detail);
    answer(found.predictions[0], text);
    if (!facts.examples) return;
    const known = await fetch("/near", request());
    if (known.ok) at("answer").append(...nearest((await known.json()).examples[0]));
  } catch (error) {
    fail(String(error.message || error));
  }
});

at("file").addEventListener("change", () => at("file").files[0] && take(at("file").files[0]));
for (const name of ["dragover", "dragleave", "drop"]) {
  at("drop").addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

fetch("/health").then((response) => response.json()).then((found) => {
  facts = found;
  const names = found.classes.slice(0, MOST).join(", ") + (found.classes.length > MOST ? ", …" : "");
  at("about").textContent = `It reads ${found.kind} examples with ${found.backbone} and answers: ${names}.`;
  at("drop").hidden = !found.files;
  at("write").hidden = found.files;
  if (Object.keys(found.request)[0] === "rows") {
    at("what").textContent = "A row as JSON";
    at("text").value = JSON.stringify(found.request.rows[0], null, 1);
  }
}).catch((error) => fail(String(error)));
