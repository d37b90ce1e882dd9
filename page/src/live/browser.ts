/** Whether a browser runs this: an operator draws the first picture without one (picture.tsx). */
export const isBrowser = typeof document !== "undefined";
