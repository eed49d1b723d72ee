// What goes where: asked before anything is written.
import {ask, chipName, fill, h} from '/dom.js';
import {shortPort} from '/target.js';

const routes = {auto: 'By itself', rom: 'Serial loader (ROM)', link: 'Running firmware (link)'};

function optionText(build, builds) {
  const chips = (build.chips || []).map(chipName).join(', ');
  const text = [build.name, build.version, chips && `(${chips})`].filter(Boolean).join(' ');
  const twins = builds.filter(b => b.name === build.name && b.version === build.version).length > 1;
  return twins && build.path ? `${text} — ${build.path}` : text;
}

const fits = (build, target) => !build?.chips?.length || !target.chip || build.chips.includes(target.chip);

function targetRow(target, checked) {
  const input = h('input', {type: 'checkbox', name: 'target', value: target.id, checked, disabled: target.busy});
  const note = h('span.sub');
  const label = h('label.pick', {}, input, h('span', {}, target.label || 'Unknown target', h('span.sub', {}, ` ${shortPort(target.port)} `), note));
  return {target, input, note, label};
}

// Resolves to {targets: [id], job: {...}} or undefined. wish: {build} or {target} that was pressed.
export function chooseJob(info, builds, targets, wish) {
  return ask('Flash', done => {
    const wanted = builds.find(b => b.id === wish.build) || builds.find(b => b.wanted)
      || (wish.target && builds.find(b => fits(b, targets.find(t => t.id === wish.target) || {}))) || builds[0];
    const select = h('select', {id: 'build', name: 'build'}, builds.map(b =>
      h('option', {value: b.id, selected: b === wanted}, optionText(b, builds))));
    const idle = targets.filter(t => !t.busy);
    const fitting = idle.filter(t => t.chip && fits(wanted, t));
    const chosen = wish.target || (idle.length === 1 ? idle[0].id : fitting.length === 1 ? fitting[0].id : '');
    const rows = targets.map(t => targetRow(t, !t.busy && t.id === chosen));
    const problem = h('p.problem', {role: 'alert'});
    const route = info.routes.length > 1 ? h('select', {id: 'route', name: 'route'}, info.routes.map(r => h('option', {value: r}, routes[r] || r))) : null;
    const erase = h('input', {type: 'checkbox', name: 'erase_all'}), verify = h('input', {type: 'checkbox', name: 'verify'}),
      force = h('input', {type: 'checkbox', name: 'force'});

    const check = () => {
      const build = builds.find(b => b.id === select.value);
      for (const row of rows)
        row.note.textContent = row.target.busy ? 'busy' : fits(build, row.target) ? '' : `· not made for it (${build.chips.map(chipName).join(', ')})`;
    };
    select.addEventListener('change', check);
    verify.addEventListener('change', () => { erase.disabled = verify.checked; });
    check();

    const go = event => {
      event.preventDefault();
      const ids = rows.filter(row => row.input.checked).map(row => row.target.id);
      if (!builds.length) { fill(problem, 'There is no firmware yet.'); return; }
      if (!ids.length) { fill(problem, 'Choose at least one target.'); rows.find(row => !row.input.disabled)?.input.focus(); return; }
      done({targets: ids, job: {
        build: select.value, kind: verify.checked ? 'verify' : 'flash', route: route?.value,
        erase_all: erase.checked && !verify.checked, force: force.checked}});
    };

    return [
      h('label', {for: 'build'}, 'Firmware'), select,
      h('fieldset', {}, h('legend', {}, 'Targets'), rows.length ? rows.map(row => row.label) : h('p.hint', {}, 'No port is set up.')),
      h('details.more', {}, h('summary', {}, 'More'),
        route ? [h('label', {for: 'route'}, 'Way into the target'), route] : null,
        h('label.check', {}, verify, 'Only compare, write nothing'),
        h('label.check', {}, erase, 'Erase the whole flash first (settings stored on the target are lost)'),
        h('label.check', {}, force, 'Go on where I know better (wrong chip or revision, encryption, secure boot)')),
      problem,
      h('div.row.end', {}, h('button', {type: 'button', onclick: () => done()}, 'Cancel'), h('button.main', {autofocus: true, onclick: go}, 'Flash'))];
  });
}
