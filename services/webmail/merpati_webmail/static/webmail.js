// What the pages do better with a script; everything works without it.
(() => {
  'use strict';

  const list = () => document.getElementById('list');

  // Questions before something is gone; without a script the server asks (pages/confirm.html).
  document.addEventListener('submit', (event) => {
    const button = event.submitter;
    const question = button && button.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if (question) {
      const yes = document.createElement('input');
      yes.type = 'hidden';
      yes.name = 'confirmed';
      yes.value = 'yes';
      event.target.append(yes);
    }
    clean = true;
    // One click, one request: the button is dead once the form's data has been collected.
    if (button) setTimeout(() => { button.disabled = true; });
  });
  window.addEventListener('pageshow', () => {
    for (const button of document.querySelectorAll('button:disabled')) button.disabled = false;
  });

  // Select all messages of the page.
  const dress = () => {
    const all = document.querySelector('.select-all');
    if (all) all.hidden = false;
  };
  document.addEventListener('change', (event) => {
    if (event.target.id === 'select-all') {
      for (const box of list().querySelectorAll('input[name=uid]')) box.checked = event.target.checked;
    }
  });
  dress();

  // A menu closes when one clicks elsewhere or presses Escape.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll('details.menu[open]')) if (menu !== except) menu.open = false;
  };
  document.addEventListener('click', (event) => closeMenus(event.target.closest('details.menu')));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') closeMenus(null);
  });

  // Unsaved words are not lost by a slip.
  let clean = true;
  const guarded = document.querySelector('form[data-guard]');
  if (guarded) {
    guarded.addEventListener('input', () => { clean = false; });
    window.addEventListener('beforeunload', (event) => {
      if (!clean) event.preventDefault();
    });
  }

  // Live: the server says that something changed; the page's own address is fetched and the parts replaced.
  const folders = document.getElementById('folders');
  if (!folders || !window.EventSource) return;

  const replace = (fresh, id) => {
    const before = document.getElementById(id);
    const after = fresh.getElementById(id);
    if (!before || !after) return;
    const chosen = new Set([...before.querySelectorAll('input[name=uid]:checked')].map((box) => box.value));
    const focus = document.activeElement && before.contains(document.activeElement)
      ? document.activeElement.closest('[href], [name]') : null;
    const scroll = before.closest('.pane').scrollTop;
    before.replaceWith(document.importNode(after, true));
    const now = document.getElementById(id);
    for (const box of now.querySelectorAll('input[name=uid]')) box.checked = chosen.has(box.value);
    now.closest('.pane').scrollTop = scroll;
    if (focus) {
      const same = focus.hasAttribute('href')
        ? now.querySelector(`[href="${CSS.escape(focus.getAttribute('href'))}"]`)
        : now.querySelector(`[name="${CSS.escape(focus.name)}"][value="${CSS.escape(focus.value)}"]`);
      if (same) same.focus({ preventScroll: true });
    }
    dress();
  };

  let source = null;
  let fetching = false;
  let again = false;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(window.location.href, { headers: { 'X-Live': '1' }, redirect: 'error' });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const busy = list() && list().contains(document.activeElement) && document.activeElement.tagName === 'SELECT';
        if (!busy) replace(fresh, 'list');
        replace(fresh, 'folders');
        if (!guarded) document.title = fresh.title;
      }
    } catch {
      // The next event tries again.
    } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  };

  const listen = () => {
    if (document.hidden) {
      if (source) source.close();
      source = null;
    } else if (!source) {
      const { state } = document.getElementById('folders').dataset;
      source = new EventSource(`/events?state=${state}`);
      source.addEventListener('change', refresh);
      source.addEventListener('end', () => {
        source.close();
        if (!guarded) window.location.reload();
      });
    }
  };
  document.addEventListener('visibilitychange', listen);
  listen();
})();
