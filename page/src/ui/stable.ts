/** Parts that are drawn anew only where one of their properties is another. */
import { Component, type ComponentChild, type ComponentType } from "preact";

/** For rows of a table that changes many times a second; properties are compared by `===`. */
export function stable<Props extends object>(
  draw: (props: Props) => ComponentChild,
): ComponentType<Props> {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const names = Object.keys(next) as (keyof Props)[];
      return names.some((name) => next[name] !== (this.props as Props)[name]);
    }

    override render(): ComponentChild {
      return draw(this.props as Props);
    }
  };
}
