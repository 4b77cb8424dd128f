// Draws the description of the API; its address is in the tag of this script.
SwaggerUIBundle({ url: document.currentScript.dataset.url, dom_id: "#docs", filter: true });
