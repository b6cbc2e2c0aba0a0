
(() => {
  "use strict";
  const main = document.querySelector("main"), tools = main.querySelector(".tools");
  const said = JSON.parse(tools.dataset.said), key = "crmlab-marks-" + said.assignment;
  const answers = [...main.querySelectorAll(".answer")];
  const fields = [...main.querySelectorAll(".answer input, .answer textarea")];
  const say = tools.querySelector(".say");
  const name = (field) => {
    const of = field.closest(".answer").dataset;
    return JSON.stringify([of.student, of.attempt, of.exercise, of.answer, field.dataset.criterion || ""]);
  };
  const bad = (field) => field.type === "number" &&
    (field.validity.badInput || field.validity.rangeUnderflow || field.validity.rangeOverflow);
  const points = (answer) => [...answer.querySelectorAll("input")];

  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(key)) || {}; } catch { /* no storage: nothing is kept */ }
  for (const field of fields) field.value = kept[name(field)] ?? "";

  function look() {
    let done = 0;
    for (const answer of answers) {
      const full = points(answer).every((field) => field.value !== "" && !bad(field));
      answer.classList.toggle("done", full);
      done += full;
    }
    tools.querySelector(".count b").textContent = done;
  }
  look();

  main.addEventListener("input", (event) => {
    const field = event.target;
    if (!fields.includes(field)) return;
    if (field.value === "") delete kept[name(field)]; else kept[name(field)] = field.value;
    try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* full, or not allowed */ }
    say.textContent = bad(field) ? said.wrong : "";
    look();
  });
  main.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.type !== "number") return;
    event.preventDefault();
    fields[fields.indexOf(event.target) + 1]?.focus();
  });
  tools.querySelector("#names").addEventListener("change", (event) => main.classList.toggle("named", event.target.checked));

  const cell = (text) => '"' + (/^\s*[=+\-@＝＋－＠]/.test(text) ? "'" + text : text).replaceAll('"', '""') + '"';
  tools.querySelector("#save").addEventListener("click", () => {
    const wrong = fields.find(bad);
    if (wrong) { wrong.focus(); say.textContent = said.wrong; return; }
    const rows = [["student", "attempt", "exercise", "answer", "criterion", "most", "points", "comment"]];
    let half = false;
    for (const answer of answers) {
      const of = answer.dataset, typed = points(answer), comment = answer.querySelector("textarea").value;
      half ||= new Set(typed.map((field) => field.value === "")).size > 1;
      typed.forEach((field, i) => rows.push(
        [of.student, of.attempt, of.exercise, of.answer, field.dataset.criterion, field.max, field.value, i ? "" : comment]));
    }
    say.textContent = half ? said.half : "";
    const text = "\ufeff" + rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "marks.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
})();
