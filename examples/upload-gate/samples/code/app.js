'use strict';

const readings = new Map();

async function load(station) {
  const response = await fetch(`/api/stations/${station}/readings`);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

document.addEventListener('DOMContentLoaded', () => {
  const list = document.querySelector('#stations');
  for (const item of list.children) {
    item.onclick = async () => {
      const rows = await load(item.dataset.id);
      readings.set(item.dataset.id, rows);
      console.log(rows.map((row) => row.value).filter((value) => value > 0));
    };
  }
});

module.exports = { load };
