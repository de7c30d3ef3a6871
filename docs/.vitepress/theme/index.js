import { Content } from "vitepress";
import DefaultTheme, { VPHomeContent, VPHomeFeatures, VPHomeHero } from "vitepress/theme";
import { h } from "vue";
import "./style.css";

/** The first page: that of the default theme, inside a main landmark, which screen readers jump to. */
const FirstPage = {
  render: () => h("main", { class: "first-page" }, [h(VPHomeHero), h(VPHomeFeatures), h(VPHomeContent, () => h(Content))]),
};

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => app.component("FirstPage", FirstPage),
};
