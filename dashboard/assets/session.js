// What the server refuses is said: signed out goes to the sign-in page and back here, a role that is too low is told.
(function () {
  const asked = window.fetch;

  function tell(text) {
    document.querySelectorAll(".refusal").forEach((old) => old.remove());
    const box = document.createElement("div");
    box.className = "refusal";
    box.setAttribute("role", "alert");
    box.textContent = text;
    document.body.appendChild(box);
    setTimeout(() => box.remove(), 6000);
  }

  window.fetch = async function (...what) {
    const answer = await asked.apply(this, what);
    if (answer.status === 401) {
      const here = location.pathname + location.search;
      location.assign("/sign-in?next=" + encodeURIComponent(here));
      // The page is on its way out: nobody is to make anything of the answer.
      return new Promise(() => {});
    }
    if (answer.status === 403) {
      tell(await answer.text());
      // To Dash: nothing to update.
      return new Response(null, { status: 204 });
    }
    return answer;
  };
})();
