import { h, replace } from '../shared/dom.js';
import { formatNumber } from '../shared/text.js';

/** What `cierzo doctor` says of this machine. */
export async function doctor({ api, t, announce, signal }) {
  const list = h('ul', { class: 'findings' });
  const measured = h('p', { class: 'hint', role: 'status' });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const button = h('button', {
    type: 'button',
    onclick: async () => {
      button.disabled = true;
      problem.textContent = '';
      measured.textContent = t('operate.measuring');
      try {
        show(await api.request('/v1/admin/doctor', { body: {}, signal }));
        announce(t('operate.measured'));
      } catch (error) {
        measured.textContent = '';
        if (!signal.aborted) problem.textContent = error.message;
      } finally {
        button.disabled = false;
      }
    },
  }, t('operate.measure'));

  function show({ findings, read_bytes_per_second: rate }) {
    replace(list, findings.map((finding) => h('li', {},
      h('span', { class: 'badge', dataset: { status: finding.grade } }, t(`operate.grade.${finding.grade}`)),
      h('div', {}, h('strong', {}, finding.subject), ' ', finding.found, finding.advice && h('p', { class: 'hint' }, finding.advice)))));
    measured.textContent = rate ? t('operate.bandwidth', { speed: formatNumber(rate / 1e9, 1) }) : '';
  }

  show(await api.request('/v1/admin/doctor', { signal }));
  return h('div', { class: 'stack' }, h('p', { class: 'hint' }, t('operate.doctorText')), list, measured, problem, h('div', { class: 'row' }, button));
}
