// Flash cards one at a time, and the score of a quiz. Without it both are plain lists that open by click or Enter.
document.querySelectorAll(".crmlab:not(.live)").forEach((root) => {
  root.classList.add("live");
  const words = root.dataset;
  const digits = (n) => n.toLocaleString(root.lang === "fa" ? "fa-IR" : "en");
  const bar = document.createElement("div");
  bar.className = "bar";
  const count = document.createElement("span");
  count.className = "count";
  count.setAttribute("aria-live", "polite");
  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys must not act here
    made.addEventListener("click", act);
    bar.append(made);
  };

  if (root.classList.contains("quiz")) {
    const questions = [...root.querySelectorAll(":scope > ol > li")];
    const tell = () => {
      const tried = questions.filter((q) => q.dataset.first).length;
      const right = questions.filter((q) => q.dataset.first === "right").length;
      count.textContent = words.score.replace("{right}", digits(right)).replace("{tried}", digits(tried));
    };
    questions.forEach((question) =>
      question.querySelectorAll("details").forEach((choice) =>
        choice.addEventListener("toggle", () => {
          if (choice.open && !question.dataset.first) question.dataset.first = choice.classList.contains("right") ? "right" : "wrong";
          tell();
        })));
    tell();
    bar.append(count);
    root.append(bar);
    return;
  }

  let deck = [...root.querySelectorAll("li")];
  const all = deck;
  let at = 0;
  const show = (focus) => {
    all.forEach((card) => {
      card.classList.remove("now");
      card.querySelector("details").open = false;
    });
    count.textContent = deck.length ? words.count.replace("{at}", digits(at + 1)).replace("{all}", digits(deck.length)) : words.done;
    if (!deck.length) return;
    deck[at].classList.add("now");
    if (focus) deck[at].querySelector("summary").focus();
  };
  const move = (step) => {
    if (deck.length) at = (at + step + deck.length) % deck.length;
    show(true);
  };
  const flip = () => deck.length && deck[at].querySelector("summary").click();
  const known = () => {
    deck = deck.filter((_, i) => i !== at);
    at = at < deck.length ? at : 0;
    show(true);
  };
  button(words.previous, () => move(-1));
  button(words.flip, flip);
  button(words.next, () => move(1));
  button(words.known, known);
  button(words.again, () => { deck = all; at = 0; show(true); });
  bar.append(count);
  root.append(bar);
  const forward = root.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  const backward = root.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = {[forward]: () => move(1), [backward]: () => move(-1), k: known}[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  show(false);
});
