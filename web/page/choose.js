// What goes where: asked before anything is written.
import {ask, chipName, fill, h} from './dom.js';
import {shortPort} from './target.js';

const routes = {auto: 'By itself', rom: 'Serial loader (ROM)', link: 'Running firmware (link)'};

function optionText(build, builds) {
  const chips = (build.chips || []).map(chipName).join(', ');
  const text = [build.name, build.version, chips && `(${chips})`].filter(Boolean).join(' ');
  const twins = builds.filter(b => b.name === build.name && b.version === build.version).length > 1;
  return twins && (build.path || build.from) ? `${text} — ${build.path || 'in the depot'}` : text;
}

const fits = (build, target) => !build?.chips?.length || !target?.chip || build.chips.includes(target.chip);

function targetRow(id) {
  const input = h('input', {type: 'checkbox', name: 'target', value: id}), name = h('bdi'), port = h('span.sub'), note = h('span.sub');
  return {id, input, name, port, note, label: h('label.pick', {}, input, h('span', {}, name, ' ', port, ' ', note))};
}

// Which target is meant when only one was clicked on, or none.
function likely(build, targets, wish) {
  const idle = targets.filter(t => !t.busy), fitting = idle.filter(t => t.chip && fits(build, t));
  return wish.target || (idle.length === 1 ? idle[0].id : fitting.length === 1 ? fitting[0].id : '');
}

const check = (name, text) => { const input = h('input', {type: 'checkbox', name}); return {input, label: h('label.check', {}, input, text)}; };

// Resolves to {targets: [id], job: {...}} or undefined. wish: {build} or {target} that was pressed. targets: a Map that
// goes on changing while the dialog is open; whoever is in `watchers` is told.
export function chooseJob(info, builds, targets, watchers, wish) {
  let refresh = null;
  return ask('Flash', done => {
    const wanted = builds.find(b => b.id === wish.build) || builds.find(b => b.wanted && fits(b, targets.get(wish.target)))
      || (wish.target && builds.find(b => fits(b, targets.get(wish.target)))) || builds[0];
    const select = h('select', {id: 'build', name: 'build'}, builds.map(b =>
      h('option', {value: b.id, selected: b === wanted}, optionText(b, builds))));
    const rows = [...targets.keys()].map(targetRow);
    let touched = false; // somebody has chosen among the targets
    const problem = h('p.problem', {role: 'alert'});
    const route = info.routes.length > 1 ? h('select', {id: 'route', name: 'route'}, info.routes.map(r => h('option', {value: r}, routes[r] || r))) : null;
    const verify = check('verify', 'Only compare, write nothing'),
      erase = check('erase_all', 'Erase the whole flash first (settings stored on the target are lost)'),
      force = check('force', 'Go on where I know better (wrong chip or revision, encryption, secure boot)');
    const build = () => builds.find(b => b.id === select.value);

    refresh = () => {
      for (const row of rows) {
        const target = targets.get(row.id) || {busy: true, port: ''};
        row.name.textContent = target.label || 'Unknown target';
        row.port.textContent = shortPort(target.port);
        row.input.disabled = target.busy;
        if (target.busy) row.input.checked = false;
        row.note.textContent = target.busy ? '· busy' : fits(build(), target) ? '' : `· not made for it (${build().chips.map(chipName).join(', ')})`;
      }
      if (touched || rows.some(row => row.input.checked)) return;
      const chosen = likely(build(), [...targets.values()], wish);
      for (const row of rows) row.input.checked = row.id === chosen && !row.input.disabled;
    };
    select.addEventListener('change', refresh);
    verify.input.addEventListener('change', () => { erase.input.disabled = verify.input.checked; });
    watchers.add(refresh);
    refresh();
    for (const row of rows) row.input.addEventListener('change', () => { touched = true; });
    const all = h('button.quiet', {type: 'button', onclick: () => {
      touched = true;
      for (const row of rows) row.input.checked = !row.input.disabled && fits(build(), targets.get(row.id));
    }}, 'All that fit');

    const go = event => {
      event.preventDefault();
      const ids = rows.filter(row => row.input.checked && !row.input.disabled).map(row => row.id);
      if (!builds.length) { fill(problem, 'There is no firmware yet.'); return; }
      if (!ids.length) { fill(problem, 'Choose at least one target.'); rows.find(row => !row.input.disabled)?.input.focus(); return; }
      done({targets: ids, job: {
        build: select.value, kind: verify.input.checked ? 'verify' : 'flash', route: route?.value,
        erase_all: erase.input.checked && !verify.input.checked, force: force.input.checked}});
    };

    return [
      h('label', {for: 'build'}, 'Firmware'), select,
      h('fieldset', {}, h('legend', {}, 'Targets'), rows.length ? rows.map(row => row.label) : h('p.hint', {}, 'No port is set up.'),
        rows.length > 2 ? all : null),
      h('details.more', {}, h('summary', {}, 'More'),
        route ? [h('label', {for: 'route'}, 'Way into the target'), route] : null, verify.label, erase.label, force.label),
      problem,
      h('div.row.end', {}, h('button', {type: 'button', onclick: () => done()}, 'Cancel'), h('button.main', {autofocus: true, onclick: go}, 'Flash'))];
  }).finally(() => watchers.delete(refresh));
}
