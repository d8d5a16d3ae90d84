// Sets the theme that was chosen before anything is painted. Not a module: it must not wait.
try {
  const settings = JSON.parse(localStorage.getItem('cierzo-settings') ?? '{}');
  if (settings.theme === 'light' || settings.theme === 'dark') {
    document.documentElement.dataset.theme = settings.theme;
  }
} catch {
  // Nothing is kept here, or nothing that can be read: the system's theme holds.
}
