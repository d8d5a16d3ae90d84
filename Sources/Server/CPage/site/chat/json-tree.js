import { h } from '../shared/dom.js';
import { t } from '../shared/text.js';

/** Members that are shown at once. */
const pageSize = 100;

/** A value of JSON as a tree whose branches fold; what is folded is made when it is opened. */
export function jsonTree(value, name = null, depth = 0) {
  const label = name === null ? null : h('span', { class: 'json-name', dir: 'auto' }, name, ': ');
  if (typeof value !== 'object' || value === null) {
    const kind = value === null ? 'null' : typeof value;
    return h('div', { class: 'json-leaf' }, label, h('span', { class: `json-${kind}`, dir: 'auto' }, kind === 'string' ? value : String(value)));
  }
  const members = Array.isArray(value) ? value.map((item, index) => [String(index), item]) : Object.entries(value);
  const size = Array.isArray(value) ? `[${members.length}]` : `{${members.length}}`;
  const branch = h('details', { class: 'json-branch' }, h('summary', {}, label, h('span', { class: 'json-size' }, size)));
  const list = h('div', { class: 'json-members' });
  branch.append(list);
  let shown = 0;
  const showMore = () => {
    for (const [key, item] of members.slice(shown, shown + pageSize)) list.append(jsonTree(item, key, depth + 1));
    shown += pageSize;
    if (shown >= members.length) return;
    const more = h('button', { type: 'button', class: 'more' }, t('chat.moreMembers', { count: members.length - shown }));
    more.addEventListener('click', () => {
      more.remove();
      showMore();
    });
    list.append(more);
  };
  branch.addEventListener('toggle', () => {
    if (branch.open && shown === 0) showMore();
  });
  if (depth < 2 && members.length <= 50) {
    branch.open = true;
    showMore();
  }
  return branch;
}
