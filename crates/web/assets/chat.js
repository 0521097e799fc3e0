// Streams answers into the page. Without this file the form posts and the page comes back whole.
"use strict";

const form = document.getElementById("say");
const box = document.getElementById("text");
const send = form.querySelector("button");
const turns = document.getElementById("turns");
const announce = document.getElementById("announce");
const messages = JSON.parse(form.elements.so_far.value || "[]");

function addTurn(role, text) {
  const article = document.createElement("article");
  article.className = "turn " + role;
  const p = document.createElement("p");
  p.textContent = text;
  article.append(p);
  turns.append(article);
  article.scrollIntoView({ block: "nearest" });
  return article;
}

function note(article, className, text, title) {
  const p = document.createElement("p");
  p.className = className;
  p.textContent = text;
  if (title) p.title = title;
  article.append(p);
}

// Calls `hear(event, data)` for each server-sent event of a response.
async function events(response, hear) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += value;
    const whole = waiting.split("\n\n");
    waiting = whole.pop();
    for (const frame of whole) {
      const fields = Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.data) hear(fields.event, JSON.parse(fields.data));
    }
  }
}

async function say(text) {
  document.getElementById("examples")?.remove();
  messages.push({ role: "user", content: text });
  addTurn("user", text);
  const answer = addTurn("assistant", "");
  answer.classList.add("waiting");
  send.disabled = true;
  let said = "";
  let failed = null;
  try {
    const response = await fetch("/chat/stream", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages }),
    });
    if (!response.ok) throw new Error("the server answered " + response.status);
    await events(response, (event, data) => {
      if (event === "text") {
        answer.classList.remove("waiting");
        said += data;
        answer.firstChild.textContent = said;
      } else if (event === "done") {
        note(answer, "from", data.model + " · exchange …" + data.exchange.slice(-8), "exchange " + data.exchange);
      } else if (event === "failed") {
        failed = data.message + (data.help ? " — " + data.help : "");
      }
    });
  } catch (error) {
    failed = "The answer did not arrive: " + error.message;
  }
  answer.classList.remove("waiting");
  send.disabled = false;
  if (failed) {
    // The words go back into the box: nothing typed is lost.
    messages.pop();
    note(answer, "failure", failed);
    box.value = text;
  } else {
    messages.push({ role: "assistant", content: said });
    announce.textContent = said;
  }
  form.elements.so_far.value = JSON.stringify(messages);
  box.focus();
}

form.addEventListener("submit", (event) => {
  const clicked = event.submitter && event.submitter.classList.contains("example") ? event.submitter.value : box.value;
  event.preventDefault();
  const text = clicked.trim();
  if (!text || send.disabled) return;
  box.value = "";
  say(text);
});

box.addEventListener("keydown", (event) => {
  // While an input method composes a character, Enter belongs to it.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit(send);
  }
});
