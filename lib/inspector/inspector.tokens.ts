/** What was said of the inspector, with every default in place. */
export const INSPECTOR_SETTINGS = 'websockex:inspector-settings';

/** The folder of the page, as a URL that ends with a slash. */
export const INSPECTOR_PAGE = 'websockex:inspector-page';

/** What the main module has, so that one place says so where the application has none. */
export const INSPECTOR_REGISTRY = 'websockex:inspector-registry';
export const INSPECTOR_METERING = 'websockex:inspector-metering';
export const INSPECTOR_LINKER = 'websockex:inspector-linker';
export const INSPECTOR_CLOCK = 'websockex:inspector-clock';
