/** What was said of the inspector, with every default in place. */
export const INSPECTOR_SETTINGS = 'websockex:inspector-settings';

/** The folder of the page, as a URL that ends with a slash. */
export const INSPECTOR_PAGE = 'websockex:inspector-page';
