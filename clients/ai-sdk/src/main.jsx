// Shows the chat that the fragment of the address names, which browsers send to no server:
// #id=...&token=...&baseUrl=...&streamUrl=...
import { createRoot } from "react-dom/client";

import { Chat } from "./chat.jsx";

const settings = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
createRoot(document.body.appendChild(document.createElement("main"))).render(<Chat {...settings} />);
