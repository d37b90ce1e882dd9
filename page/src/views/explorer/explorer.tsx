export function Explorer() {
  return <p>Later</p>;
}
