// Before anything is drawn: the colours that were chosen last on this device.
try {
  const chosen = localStorage.getItem('ferry-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch { /* storage is off: as the system has it */ }
