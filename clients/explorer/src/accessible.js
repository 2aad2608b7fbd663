// What Swagger UI lacks for screen readers and the keyboard.

/** Swagger UI has one landmark, for its operations. */
const named = (element, name) => (Part) => (props) => element("section", { "aria-label": name }, element(Part, props));

/** Changes components of Swagger UI, which `system` holds with the React that it runs on. */
export const accessible = ({ React: { createElement: element } }) => ({
  components: {
    // The heading of an operation is a button, which must not contain a link.
    DeepLink: ({ text }) => element("span", null, text),
    // There is one server, the origin of this page, so there is nothing to choose.
    ServersContainer: () => null,
  },
  wrapComponents: {
    // Without it the headings of the groups and of the window, of level three, would follow level one.
    InfoContainer: (Info) => (props) =>
      element("section", { "aria-label": "About" }, element(Info, props), element("h2", { className: "unseen" }, "Calls")),
    SchemesContainer: named(element, "Authorization"),
    authorizationPopup: (Popup) => (props) =>
      element("div", { role: "dialog", "aria-modal": true, "aria-label": "Authorization" }, element(Popup, props)),
    FilterContainer: named(element, "Filter"),
    CloseIcon: (Icon) => (props) => element(Icon, { ...props, role: "img", "aria-label": "Close", "aria-hidden": undefined }),
    // A button is called as it reads.
    Button: (Button) => (props) => element(Button, withoutOtherName(props)),
  },
});

/** The properties of a button, without a name that differs from its text. */
export function withoutOtherName({ "aria-label": label, ...props }) {
  const isRead = typeof props.children === "string" && props.children.trim() !== "";
  return isRead || label === undefined ? props : { ...props, "aria-label": label };
}

/** Names and focus for what Swagger UI draws inside its own components, whenever it draws. */
export function watch(root) {
  const complete = () => {
    for (const list of root.querySelectorAll("tr[data-param-name] select:not([aria-label])"))
      list.setAttribute("aria-label", list.closest("tr").dataset.paramName);
    for (const text of root.querySelectorAll("textarea.body-param__text:not([aria-label])")) text.setAttribute("aria-label", "Request body");
    // Each operation has such a landmark, and they need different names.
    for (const table of root.querySelectorAll("table.responses-table:not([aria-label])"))
      table.setAttribute("aria-label", `Responses of ${table.closest(".opblock")?.id.split("-").at(-1)}`);
    // Wide texts scroll, which takes a focus on the keyboard.
    for (const text of root.querySelectorAll("pre.microlight:not([tabindex])")) text.tabIndex = 0;
  };
  new MutationObserver(complete).observe(root, { childList: true, subtree: true });
}
